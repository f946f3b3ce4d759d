import {
  AppWindow,
  Ban,
  Inbox,
  KeyRound,
  LogOut,
  Menu as MenuIcon,
  MonitorSmartphone,
  Puzzle,
  ScrollText,
  Settings,
  ShieldCheck,
  Users,
} from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button as AriaButton, Dialog, Modal, ModalOverlay, RouterProvider } from "react-aria-components";
import { Link, NavLink, Outlet, useHref, useLocation, useNavigate } from "react-router";

import { LiveProvider, useEvents } from "../api/live";
import { useLogout, useSession, useUser } from "../api/session";
import { below } from "../lib/root";
import { Badge } from "../ui/badge";
import { IconButton } from "../ui/button";
import { Elevation } from "../ui/elevation";
import { ErrorNotice, Loading } from "../ui/notice";
import { usePendingCount } from "./admin/queries";
import { Login } from "./login";

/** The frame of every view: navigation, live connections, the login. */
export function Shell() {
  const session = useSession();
  const navigate = useNavigate();
  let content: ReactNode;
  if (session.isPending) content = <Loading text="Connecting" />;
  else if (session.data) content = <Frame />;
  else if (session.isError) {
    content = (
      <main className="login">
        <div className="card">
          <h1>Mortise</h1>
          <ErrorNotice error={session.error} retry={() => void session.refetch()} />
        </div>
      </main>
    );
  } else content = <Login />;
  return (
    <RouterProvider navigate={(to) => void navigate(to)} useHref={useHref}>
      {content}
    </RouterProvider>
  );
}

function Frame() {
  const [open, setOpen] = useState(false);
  const location = useLocation();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    setOpen(false);
    if (first.current) {
      first.current = false;
      return;
    }
    // Screen readers and keyboards go on at the new view.
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location.pathname]);
  return (
    <LiveProvider>
      <Events />
      <a className="button skip" href="#main">
        Skip to the content
      </a>
      <div className="shell">
        <header className="top">
          <NavLink to="/" className="brand" aria-label="Mortise, messages">
            <img src={below("/page/icon.svg")} alt="" /> Mortise
          </NavLink>
          <IconButton label="Menu" onPress={() => setOpen(true)}>
            <MenuIcon aria-hidden />
          </IconButton>
        </header>
        <Side />
        <ModalOverlay isOpen={open} onOpenChange={setOpen} isDismissable className="drawer-overlay">
          <Modal className="drawer">
            <Dialog aria-label="Menu" style={{ height: "100%", outline: "none" }}>
              <Side />
            </Dialog>
          </Modal>
        </ModalOverlay>
        <main className="main" id="main" tabIndex={-1} ref={main}>
          <Outlet />
        </main>
      </div>
      <Elevation />
    </LiveProvider>
  );
}

function Events() {
  useEvents();
  return null;
}

function Side() {
  const user = useUser();
  const logout = useLogout();
  const pending = usePendingCount(user.admin);
  const { pathname } = useLocation();
  const item = (to: string, icon: ReactNode, text: string, below = new RegExp(`^${to}(/|$)`), count = 0) => (
    <li>
      <Link to={to} aria-current={pathname === to ? "page" : below.test(pathname) ? "true" : undefined}>
        {icon}
        {text}
        {count > 0 && (
          <span className="count">
            <Badge tone="warning">
              {count}
              <span className="visually-hidden"> waiting for approval</span>
            </Badge>
          </span>
        )}
      </Link>
    </li>
  );
  return (
    <aside className="side" aria-label="Menu">
      <NavLink to="/" className="brand" aria-label="Mortise, messages">
        <img src={below("/page/icon.svg")} alt="" /> Mortise
      </NavLink>
      <nav aria-label="Views">
        <ul className="nav">
          {item("/", <Inbox aria-hidden />, "Messages", /^\/messages\/\d+$/)}
          {item("/messages/dropped", <Ban aria-hidden />, "Dropped")}
          {item("/applications", <AppWindow aria-hidden />, "Applications")}
          {item("/plugins", <Puzzle aria-hidden />, "Plugins")}
          {item("/clients", <MonitorSmartphone aria-hidden />, "Clients")}
          {item("/settings", <Settings aria-hidden />, "Settings")}
        </ul>
        {user.admin && (
          <>
            <p className="nav-title" id="administration">
              Administration
            </p>
            <ul className="nav" aria-labelledby="administration">
              {item("/administration", <ShieldCheck aria-hidden />, "Installed plugins", /^\/administration\/plugins\//, pending)}
              {item("/users", <Users aria-hidden />, "Users")}
              {item("/administration/audit", <ScrollText aria-hidden />, "Audit log")}
              {item("/administration/keys", <KeyRound aria-hidden />, "Trusted keys")}
            </ul>
          </>
        )}
      </nav>
      <div className="side-foot">
        <p className="nav-title">Signed in as {user.name}</p>
        <AriaButton className="nav-action" onPress={() => logout.mutate()}>
          <LogOut aria-hidden /> Log out
        </AriaButton>
      </div>
    </aside>
  );
}

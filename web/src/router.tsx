/**
 * The addresses of the page. None of them is a route of the API; the server
 * answers these with the page's document (see `server/src/page`).
 */
import { createBrowserRouter, type LazyRouteFunction, type RouteObject } from "react-router";

import { below, entrance, ROOT } from "./lib/root";
import { Broken } from "./views/broken";
import { Shell } from "./views/shell";

type View = { default: () => React.ReactNode };

function lazy(load: () => Promise<View>): LazyRouteFunction<RouteObject> {
  return async () => ({ Component: (await load()).default });
}

const routes: RouteObject[] = [
  {
    path: "/",
    element: <Shell />,
    errorElement: <Broken />,
    HydrateFallback: () => null,
    children: [
      { index: true, lazy: lazy(() => import("./views/messages")) },
      { path: "messages/dropped", lazy: lazy(() => import("./views/messages/dropped")) },
      { path: "messages/:application", lazy: lazy(() => import("./views/messages")) },
      { path: "applications", lazy: lazy(() => import("./views/applications")) },
      { path: "clients", lazy: lazy(() => import("./views/clients")) },
      { path: "plugins", lazy: lazy(() => import("./views/plugins")) },
      { path: "plugins/filters", lazy: lazy(() => import("./views/plugins/filters")) },
      { path: "plugins/:id/:tab?", lazy: lazy(() => import("./views/plugins/plugin")) },
      { path: "users", lazy: lazy(() => import("./views/users")) },
      { path: "settings", lazy: lazy(() => import("./views/settings")) },
      { path: "administration", lazy: lazy(() => import("./views/admin")) },
      { path: "administration/audit", lazy: lazy(() => import("./views/admin/audit")) },
      { path: "administration/keys", lazy: lazy(() => import("./views/admin/keys")) },
      { path: "administration/plugins/:id/:tab?", lazy: lazy(() => import("./views/admin/plugin")) },
      { path: "*", lazy: lazy(() => import("./views/missing")) },
    ],
  },
];

// The document may name its icon relative to its address, which the router changes.
document.querySelector("link[rel=icon]")?.setAttribute("href", below("/page/icon.svg"));

const { pathname, search, hash } = location;
const entered = entrance(pathname, ROOT);
if (entered !== pathname) history.replaceState(null, "", entered + search + hash);

export const router = createBrowserRouter(routes, { basename: ROOT });

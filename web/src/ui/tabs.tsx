import { NavLink } from "react-router";

interface Props {
  label: string;
  base: string;
  tabs: readonly { id: string; text: string; count?: number }[];
}

/** Parts of a view, each with an address of its own. */
export function Tabs({ label, base, tabs }: Props) {
  return (
    <nav className="tablist" aria-label={label}>
      {tabs.map(({ id, text, count }) => (
        <NavLink key={id} to={id ? `${base}/${id}` : base} end className="tab" replace>
          {text}
          {Boolean(count) && <span className="badge muted">{count}</span>}
        </NavLink>
      ))}
    </nav>
  );
}

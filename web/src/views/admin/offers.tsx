import { useState } from "react";
import { Link } from "react-router";

import { found, type Offer } from "../../lib/catalogue";
import { words } from "../../lib/permissions";
import { Badge } from "../../ui/badge";
import { Copy } from "../../ui/copy";
import { Search } from "../../ui/field";
import { Empty } from "../../ui/notice";

/** The plugins that come with Mortise, by purpose, with a field that filters them. */
export default function Offers({ installed }: { installed: readonly string[] }) {
  const [text, setText] = useState("");
  const groups = found(text);
  const count = groups.reduce((sum, { offers }) => sum + offers.length, 0);
  return (
    <div className="stack offers">
      <p className="small muted">
        Run a command in a clone of Mortise's repository. It builds the plugin and installs it. If a tool is missing, the
        build names it.
      </p>
      <Search label="Search by name or purpose" value={text} onChange={setText} />
      <p className="small muted" role="status">
        {count === 1 ? "1 plugin" : `${count} plugins`}
      </p>
      {count === 0 && <Empty title="No plugin matches">Search for another word.</Empty>}
      {groups.map(({ title, offers }) => (
        <div key={title}>
          <h3>{title}</h3>
          <ul className="list">
            {offers.map((offer) => (
              <One key={offer.id} offer={offer} isInstalled={installed.includes(offer.id)} />
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}

function One({ offer, isInstalled }: { offer: Offer; isInstalled: boolean }) {
  return (
    <li className="offer">
      <div className="row-title">
        <h4>{offer.name}</h4>
        <span className="small muted">
          {offer.language}, runs as a {offer.backend === "native" ? "process" : "component"}
        </span>
      </div>
      <p>{offer.description}</p>
      <p className="small muted">It asks to:</p>
      <ul className="small" aria-label={`Permissions that ${offer.name} asks for`}>
        {offer.permissions.map((permission) => {
          const { title, details } = words(permission);
          return (
            <li key={title}>
              {title}
              {details.map((detail) => (
                <span key={detail}>
                  {" "}
                  <code dir="ltr">{detail}</code>
                </span>
              ))}
            </li>
          );
        })}
      </ul>
      {isInstalled ? (
        <p className="cluster">
          <Badge tone="ok">Installed</Badge>
          <Link to={`/administration/plugins/${encodeURIComponent(offer.id)}`}>Show {offer.name}</Link>
        </p>
      ) : (
        <Copy text={offer.command} label={`command for ${offer.name}`} />
      )}
    </li>
  );
}

import { Check, X } from "lucide-react";
import type { ReactNode } from "react";

import { words } from "../lib/permissions";
import { Badge } from "./badge";

interface Props {
  permission: unknown;
  /** The author's reason; it is shown as text. */
  reason: string;
  granted?: boolean;
  /** Asked for by a new version only. */
  isNew?: boolean;
  children?: ReactNode;
}

/** One permission: what it allows, exactly what, and why it is asked for. */
export function PermissionRow({ permission, reason, granted, isNew, children }: Props) {
  const { title, details } = words(permission);
  return (
    <li className={isNew ? "permission new" : "permission"}>
      <div className="permission-main">
        <strong>{title}</strong>{" "}
        {isNew && <Badge tone="warning">New</Badge>}
        {details.length > 0 && (
          <ul className="small">
            {details.map((detail) => (
              <li key={detail}>
                <code>{detail}</code>
              </li>
            ))}
          </ul>
        )}
        <p className="small reason">{reason ? `“${reason}”` : "The author gives no reason."}</p>
      </div>
      {granted !== undefined && (
        <Badge tone={granted ? "ok" : "muted"}>
          {granted ? <Check aria-hidden /> : <X aria-hidden />}
          {granted ? "Granted" : "Not granted"}
        </Badge>
      )}
      {children}
    </li>
  );
}

import { Link } from "react-router";

import type { Status } from "../../api/types";
import { Hint } from "../../ui/notice";
import { usePlugins } from "../plugins/queries";
import { useGrants } from "./queries";

/** The steps that are left until an installed plugin works for its administrator. */
export function NextSteps({ status }: { status: Status }) {
  const grants = useGrants(status.id);
  const plugins = usePlugins();
  const mine = plugins.data?.find((one) => one.pluginId === status.id);
  const missing = grants.data?.asked.filter((one) => one.answeredBy === "administrator" && !one.granted) ?? [];
  const isUndecided = missing.length > 0 && !grants.data?.answeredAt;
  if (!isUndecided && (!mine || mine.enabled)) return null;
  return (
    <Hint>
      <strong>Next steps</strong>
      <ol className="next-steps">
        {isUndecided && (
          <li>
            <Link to={`/administration/plugins/${encodeURIComponent(status.id)}/permissions`}>
              {missing.length === 1 ? "Decide about the permission" : `Decide about the ${missing.length} permissions`}
            </Link>{" "}
            that it asks of you.
          </li>
        )}
        {mine && !mine.enabled && (
          <li>
            <Link to={`/plugins/${mine.id}`}>Enable it for yourself</Link>. Each user does the same under Plugins.
          </li>
        )}
      </ol>
    </Hint>
  );
}

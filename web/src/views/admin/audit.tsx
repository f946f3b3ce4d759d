import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { api, unwrap } from "../../api/client";
import type { AuditEntry } from "../../api/types";
import { Button } from "../../ui/button";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Time } from "../../ui/time";

export default function Audit() {
  return (
    <Page title="Audit log" lead="Every change to plugins: who made it, and when.">
      <AuditOf />
    </Page>
  );
}

/** The audit log, of one plugin or of all. */
export function AuditOf({ plugin }: { plugin?: string }) {
  const audit = useInfiniteQuery({
    queryKey: ["admin", "audit", plugin ?? null],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/admin/audit", { params: { query: { plugin, before: pageParam, limit: 100 } } })),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  });
  const entries = audit.data?.pages.flatMap((page) => page.entries) ?? [];
  if (audit.isPending && !audit.isError) return <Loading text="Loading the audit log" />;
  if (audit.isError) {
    return <ErrorNotice error={audit.error} title="Could not load the audit log" retry={() => void audit.refetch()} />;
  }
  if (entries.length === 0) return <Empty title="Nothing was done yet">Installing a plugin is the first entry.</Empty>;
  return (
    <>
      <div className="scroll-x" tabIndex={0} role="group" aria-label="Entries of the audit log">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">By</th>
              <th scope="col">Action</th>
              {!plugin && <th scope="col">Plugin</th>}
              <th scope="col">Details</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <Row key={entry.id} entry={entry} all={!plugin} />
            ))}
          </tbody>
        </table>
      </div>
      {audit.hasNextPage && (
        <Button onPress={() => void audit.fetchNextPage()} isPending={audit.isFetchingNextPage}>
          Show older ones
        </Button>
      )}
    </>
  );
}

function Row({ entry, all }: { entry: AuditEntry; all: boolean }) {
  const details = entry.details ? Object.entries(entry.details) : [];
  return (
    <tr>
      <td>
        <Time date={entry.date} />
      </td>
      <td>
        {entry.user?.name ?? entry.by}
        {entry.user && entry.by !== "user" && <span className="small muted"> ({entry.by})</span>}
      </td>
      <td>{entry.action}</td>
      {all && (
        <td>
          <Link to={`/administration/plugins/${encodeURIComponent(entry.plugin)}`}>{entry.plugin}</Link>
        </td>
      )}
      <td className="small">
        {details.map(([name, value]) => (
          <div key={name}>
            {name}: <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>
          </div>
        ))}
      </td>
    </tr>
  );
}

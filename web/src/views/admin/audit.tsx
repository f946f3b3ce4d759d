import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { api, unwrap } from "../../api/client";
import type { AuditEntry } from "../../api/types";
import { Button } from "../../ui/button";
import { Empty, ErrorNotice, Loading } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Cell, Table } from "../../ui/table";
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
  if (entries.length === 0) return <Empty title="No entries yet">The first entry appears when a plugin is installed.</Empty>;
  return (
    <>
      <Table
        label="Entries of the audit log"
        columns={["When", "By", "Action", ...(plugin ? [] : ["Plugin"]), "Details"]}
      >
        {entries.map((entry) => (
          <Row key={entry.id} entry={entry} all={!plugin} />
        ))}
      </Table>
      {audit.hasNextPage && (
        <Button onPress={() => void audit.fetchNextPage()} isPending={audit.isFetchingNextPage}>
          Show older ones
        </Button>
      )}
    </>
  );
}

function Row({ entry, all }: { entry: AuditEntry; all: boolean }) {
  return (
    <tr role="row">
      <Cell label="When" nowrap>
        <Time date={entry.date} />
      </Cell>
      <Cell label="By">
        {entry.user?.name ?? entry.by}
        {entry.user && entry.by !== "user" && <span className="small muted"> ({entry.by})</span>}
      </Cell>
      <Cell label="Action" nowrap>
        {entry.action}
      </Cell>
      {all && (
        <Cell label="Plugin">
          <Link to={`/administration/plugins/${encodeURIComponent(entry.plugin)}`}>{entry.plugin}</Link>
        </Cell>
      )}
      <Cell label="Details">
        {details(entry.details).map(([name, value]) => (
          <div key={name} className="small">
            {name}: <code>{value}</code>
          </div>
        ))}
      </Cell>
    </tr>
  );
}

type Values = Record<string, unknown>;

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The details in lines. Of two states, only the values that differ are shown. */
function details(of: unknown): [string, string][] {
  if (!isValues(of)) return [];
  const { before, now, ...others } = of;
  const lines = Object.entries(others).map(([name, value]): [string, string] => [name, text(value)]);
  if (isValues(before) && isValues(now)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    const changed = names.filter((name) => text(before[name]) !== text(now[name]));
    return [...lines, ...changed.map((name): [string, string] => [name, `${text(before[name])} → ${text(now[name])}`])];
  }
  if (isValues(before)) {
    for (const [name, value] of Object.entries(before)) lines.push([`${name} before`, text(value)]);
  } else if (before !== undefined) lines.push(["before", text(before)]);
  if (now !== undefined) lines.push(["now", text(now)]);
  return lines;
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "none";
  if (Array.isArray(value)) return value.map(text).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { RefreshCw, Trash2 } from "lucide-react";
import { useEffect, useRef } from "react";
import { Link } from "react-router";

import { api, unwrap } from "../../api/client";
import { titleOf } from "../../lib/permissions";
import { details, span } from "../../lib/timers";
import { Button } from "../../ui/button";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { Cell, Table } from "../../ui/table";
import { Time } from "../../ui/time";
import { toast } from "../../ui/toast";
import { useDeadLetters, useDenials, useLog, useTimers } from "./queries";

interface Line {
  number: number;
  date: string;
  level: string;
  source: string;
  text: string;
  user?: string | null;
}

/** Lines of a log; it stays at its end while new ones come. */
export function LogLines({ lines }: { lines: readonly Line[] }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [lines]);
  return (
    <div
      ref={box}
      className="log"
      role="log"
      tabIndex={0}
      aria-label="Log lines"
      onScroll={({ currentTarget: at }) => {
        atEnd.current = at.scrollHeight - at.scrollTop - at.clientHeight < 40;
      }}
    >
      {lines.map((line) => (
        <div key={`${line.user ?? ""}/${line.number}`} className={`log-line ${line.level}`}>
          <span className="muted">{new Date(line.date).toLocaleTimeString()}</span>
          <span className="muted">
            {line.user ? `${line.user} ` : ""}
            {line.source} {line.level}
          </span>
          <span className="text">{line.text}</span>
        </div>
      ))}
    </div>
  );
}

export function Log({ id, enabled }: { id: number; enabled: boolean }) {
  const log = useLog(id);
  return (
    <Section
      title="Log"
      actions={
        <Button icon={<RefreshCw aria-hidden />} onPress={() => void log.refetch()} isPending={log.isFetching}>
          Refresh
        </Button>
      }
    >
      <Loaded query={log} of="the log">
        {(lines) =>
          lines.length === 0 ? (
            <Empty title="The log is empty">
              {enabled ? "New entries of the plugin appear here at once." : "The plugin writes to it when you enable it."}
            </Empty>
          ) : (
            <LogLines lines={lines} />
          )
        }
      </Loaded>
    </Section>
  );
}

/** The timers of an enabled plugin, and when they are due. */
export function Timers({ id }: { id: number }) {
  const timers = useTimers(id);
  return (
    <Section title="Timers">
      <Loaded query={timers} of="the timers">
        {(list) =>
          list.length === 0 ? (
            <p className="muted">It has set none.</p>
          ) : (
            <Table label="Timers" columns={["Timer", "Schedule", "Next times"]}>
              {list.map((timer) => (
                <tr key={timer.name} role="row">
                  <Cell label="Timer">{timer.name}</Cell>
                  <Cell label="Schedule">
                    {timer.cron ? <code>{timer.cron}</code> : timer.everyMs ? `every ${span(timer.everyMs)}` : "once"}
                    {details(timer)}
                  </Cell>
                  <Cell label="Next times" nowrap>
                    {timer.next.map((date) => (
                      <div key={date}>{new Date(date).toLocaleString()}</div>
                    ))}
                  </Cell>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
    </Section>
  );
}

export function Denials({ id }: { id: number }) {
  const denials = useDenials(id);
  return (
    <Section title="Denials">
      <p className="muted">
        Attempts of the plugin without the permission for them, since the server started. The server stopped each of
        them.
      </p>
      <Loaded query={denials} of="the denials">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No denials">The plugin used only permissions that it has.</Empty>
          ) : (
            <>
              <DenialTable denials={list} />
              <p className="small muted">
                The list of permissions under <Link to={`/plugins/${id}`}>Overview</Link> shows who decides about each.
                A permission that is not in that list needs a new version of the plugin, which asks for it.
              </p>
            </>
          )
        }
      </Loaded>
    </Section>
  );
}

interface DenialRow {
  permission: string;
  what: string;
  count: number;
  date: string;
  user?: string;
}

export function DenialTable({ denials }: { denials: readonly DenialRow[] }) {
  const ofUsers = denials.some((one) => one.user !== undefined);
  return (
    <Table label="Denials" columns={[...(ofUsers ? ["User"] : []), "Permission", "Attempt", "Times", "Last"]}>
      {denials.map((one, index) => (
        <tr key={index} role="row">
          {ofUsers && <Cell label="User">{one.user}</Cell>}
          <Cell label="Permission">
            {titleOf(one.permission)} <code className="muted">{one.permission}</code>
          </Cell>
          <Cell label="Attempt">
            <code>{one.what}</code>
          </Cell>
          <Cell label="Times">{one.count}</Cell>
          <Cell label="Last" nowrap>
            <Time date={one.date} />
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

/** Does something with each message. One that fails does not keep it from the others; its error comes at the end. */
async function oldestFirst(messages: readonly number[], act: (message: number) => Promise<unknown>) {
  let error: unknown;
  for (const message of [...messages].sort((a, b) => a - b)) {
    try {
      await act(message);
    } catch (caught) {
      error ??= caught;
    }
  }
  if (error !== undefined) throw error;
}

export function DeadLetters({ id }: { id: number }) {
  const client = useQueryClient();
  const letters = useDeadLetters(id);
  const refresh = () => client.invalidateQueries({ queryKey: ["plugin", id, "dead-letters"] });
  const at = (message: number) => ({ params: { path: { id, message } } });
  const retry = useMutation({
    mutationFn: (messages: readonly number[]) =>
      oldestFirst(messages, (message) => unwrap(api.POST("/plugin/{id}/dead-letters/{message}/retry", at(message)))),
    onSuccess: (_, { length }) => toast(length === 1 ? "The plugin accepted the message" : `The plugin accepted ${length} messages`),
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: (messages: readonly number[]) =>
      oldestFirst(messages, (message) => unwrap(api.DELETE("/plugin/{id}/dead-letters/{message}", at(message)))),
    onSettled: refresh,
  });
  const all = letters.data?.map((one) => one.messageId) ?? [];
  const actions = all.length > 0 && (
    <>
      <Button icon={<RefreshCw aria-hidden />} onPress={() => retry.mutate(all)} isPending={retry.isPending}>
        Retry all
      </Button>
      <Button icon={<Trash2 aria-hidden />} onPress={() => remove.mutate(all)} isPending={remove.isPending}>
        Remove all
      </Button>
    </>
  );
  return (
    <Section title="Dead letters" actions={actions}>
      <p className="muted">The plugin failed on these messages again and again. They are among your messages all the same.</p>
      {retry.isError && (
        <ErrorNotice
          error={retry.error}
          title={retry.variables.length === 1 ? "The plugin failed on it again" : "The plugin failed on some of them again"}
        />
      )}
      {remove.isError && (
        <ErrorNotice
          error={remove.error}
          title={remove.variables.length === 1 ? "It was not removed" : "Some of them were not removed"}
        />
      )}
      <Loaded query={letters} of="the dead letters">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No dead letters">The plugin accepted every message.</Empty>
          ) : (
            <ul className="rows">
              {list.map((one) => (
                <li key={one.messageId} className="row">
                  <div className="row-main">
                    <div className="row-title">{one.title || `Message ${one.messageId}`}</div>
                    <p className="small">{one.error}</p>
                    <p className="small muted">
                      {one.attempts} attempts, the last <Time date={one.date} />
                    </p>
                  </div>
                  <div className="row-side">
                    <Button
                      icon={<RefreshCw aria-hidden />}
                      onPress={() => retry.mutate([one.messageId])}
                      isPending={retry.isPending && retry.variables.includes(one.messageId)}
                    >
                      Retry
                    </Button>
                    <Button icon={<Trash2 aria-hidden />} onPress={() => remove.mutate([one.messageId])}>
                      Remove
                    </Button>
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Section>
  );
}

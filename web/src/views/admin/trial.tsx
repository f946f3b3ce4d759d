import { useMutation } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { CallDifference, CallResult, Replay, Status } from "../../api/types";
import { others, requests, sends, writes } from "../../lib/effects";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { ErrorNotice } from "../../ui/notice";
import { FIELDS } from "../messages/trace";
import { ANSWERS } from "../plugins/answers";
import { usePlugins } from "../plugins/queries";

const DAY = 24 * 60 * 60 * 1000;
/** Differences on the page; the rest is for the command line. */
const SHOWN = 20;

/** What a pending version of a filter would have done to the messages of the last day. */
export function Trial({ status }: { status: Status }) {
  const plugins = usePlugins();
  const own = plugins.data?.find((plugin) => plugin.pluginId === status.id);
  const trial = useMutation({
    mutationFn: (id: number) =>
      unwrap(
        api.POST("/plugin/{id}/replay/candidate", {
          params: { path: { id }, query: { since: Date.now() - DAY } },
          headers: { "content-type": "application/octet-stream" },
        }),
      ),
  });
  if (!own?.filter) return null;
  return (
    <div className="stack">
      <p>
        You can try the version first: it decides about your messages of the last day again, without effect, and you
        see the differences.
      </p>
      <div className="actions">
        <Button onPress={() => trial.mutate(own.id)} isPending={trial.isPending}>
          Try it on your messages
        </Button>
      </div>
      {trial.isError && <ErrorNotice error={trial.error} title="The version was not tried" />}
      {trial.data && <Results replay={trial.data} />}
    </div>
  );
}

function Results({ replay }: { replay: Replay }) {
  const { calls, different, differences, incomplete, left, denied } = replay;
  const omitted = incomplete + left;
  const summary =
    calls === 0
      ? "The filter saw no message of yours in the last day."
      : different === 0
        ? `It decides the same about all ${calls} messages.`
        : `It decides differently about ${different} of ${calls} messages.`;
  return (
    <div className="stack">
      <p role="status">{summary}</p>
      {omitted > 0 && <p className="small muted">{omitted} messages could not be tried.</p>}
      {sends(replay) && <p className="small muted">{sends(replay)}.</p>}
      {requests(replay) && <p className="small muted">{requests(replay)}.</p>}
      {writes(replay) && <p className="small muted">{writes(replay)}.</p>}
      {others(replay).map((call) => (
        <p key={call} className="small muted">
          {call}
        </p>
      ))}
      {(replay.requests > 0 || denied.length > 0) && (
        <p className="small muted">
          It reached for more than a trial allows, such as HTTP; its real decisions may differ.
        </p>
      )}
      {differences.length > 0 && (
        <ol className="steps" aria-label="Differences">
          {differences.slice(0, SHOWN).map((one) => (
            <Row key={`${one.message.dropped}-${one.message.id}`} difference={one} />
          ))}
        </ol>
      )}
      {different > SHOWN && (
        <p className="small muted">
          These are the first {Math.min(SHOWN, differences.length)}; <code>mortise plugin replay</code> lists more.
        </p>
      )}
    </div>
  );
}

function Row({ difference: { application, title, recorded, replayed } }: { difference: CallDifference }) {
  return (
    <li className="step">
      <div className="step-head">
        <strong>{title || application}</strong>
        <span className="muted small">from {application}</span>
      </div>
      <Result of="Until now" result={recorded} />
      <Result of="With this version" result={replayed} />
    </li>
  );
}

function Result({ of, result: { action, detail, changes } }: { of: string; result: CallResult }) {
  return (
    <div>
      <span className="small muted">{of}</span> <Badge tone={ANSWERS[action].tone}>{ANSWERS[action].text}</Badge>
      {detail && <p className="small reason">{detail}</p>}
      {changes?.map((change) => (
        <p className="small reason" key={change.field}>
          {FIELDS[change.field] ?? change.field}: {change.after ?? "none"}
        </p>
      ))}
    </div>
  );
}

import { Link } from "react-router";

import { useCallsAbout, useTrace } from "../../api/messages";
import type { Change, Message, PluginCall, TraceEntry } from "../../api/types";
import { duration } from "../../lib/duration";
import { sent } from "../../lib/effects";
import { Badge, type Tone } from "../../ui/badge";
import { Dialog } from "../../ui/dialog";
import { Difference } from "../../ui/difference";
import { Empty } from "../../ui/notice";
import { Loaded } from "../../ui/query";
import { Time } from "../../ui/time";
import { Result } from "../plugins/calls";

const ACTIONS: Record<TraceEntry["action"], { text: string; tone: Tone }> = {
  keep: { text: "Kept unchanged", tone: "muted" },
  replace: { text: "Changed", tone: "info" },
  drop: { text: "Dropped", tone: "warning" },
  skipped: { text: "Skipped", tone: "error" },
  refused: { text: "Failed, message rejected", tone: "error" },
  restored: { text: "Restored", tone: "info" },
  not_kept: { text: "No trace is kept", tone: "muted" },
};

const CAUSES: Record<string, string> = {
  failed: "The filter failed; the message went on without it.",
  timed_out: "The filter did not answer in time; the message went on without it.",
  not_at_work: "The plugin was not running; the message went on without it.",
};

/** The trace of a stored message, in a dialog. */
export function Trace({ message, onClose }: { message: Message | null; onClose: () => void }) {
  return (
    <Dialog title="Trace" isOpen={message !== null} onClose={onClose} wide>
      {message && <TraceOf message={message} />}
    </Dialog>
  );
}

function TraceOf({ message }: { message: Message }) {
  const trace = useTrace(message.id, true);
  const calls = useCallsAbout(message.id);
  return (
    <div className="stack">
      <p className="muted">
        Each filter in order, from the message as it was sent to “{message.title}” as it was stored. It is message{" "}
        {message.id}.
      </p>
      <Loaded query={trace} of="the trace">
        {(steps) => <Steps steps={steps} />}
      </Loaded>
      <Loaded query={calls} of="the deliveries">
        {({ ofPlugin, sentIn, deliveredIn }) => (
          <>
            {ofPlugin && sentIn.length === 0 && (
              <p>
                From <Link to={`/plugins/${ofPlugin.plugin}`}>{ofPlugin.modulePath}</Link>. No call of yours that sent
                it is kept.
              </p>
            )}
            {sentIn.length > 0 && <CallList title="Sent by" calls={sentIn} />}
            {deliveredIn.length > 0 && <CallList title="Delivered to" calls={deliveredIn} />}
          </>
        )}
      </Loaded>
    </div>
  );
}

/** Calls that concern a message, oldest first. */
function CallList({ title, calls }: { title: string; calls: readonly PluginCall[] }) {
  return (
    <section>
      <h3>{title}</h3>
      <ul className="list">
        {calls.map((call) => (
          <li key={call.id} className="step-head">
            <Link to={`/plugins/${call.plugin}/calls`}>{call.modulePath}</Link>
            <span className="muted small">{call.version}</span>
            <Result call={call} />
            <span className="muted small">
              {duration(call.micros)}, <Time date={call.date} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The steps of a trace in order. */
export function Steps({ steps }: { steps: readonly TraceEntry[] }) {
  if (steps.length === 0) {
    return (
      <Empty title="No filter saw this message">
        It was stored as it was sent. Filters are plugins that you enable under Plugins.
      </Empty>
    );
  }
  return (
    <ol className="steps">
      {steps.map((step, index) => (
        <li key={index} className="step">
          <Entry step={step} number={index + 1} />
        </li>
      ))}
    </ol>
  );
}

/** A filter's effect, or an entry of no filter. */
function Entry({ step, number }: { step: TraceEntry; number: number }) {
  if (step.action !== "restored" && step.action !== "not_kept") return <Step step={step} number={number} />;
  const detail = step.detail ?? "";
  return (
    <div className="step-head">
      <Badge tone={ACTIONS[step.action].tone}>{ACTIONS[step.action].text}</Badge>
      <span className="muted small">{step.action === "restored" ? <Time date={detail} /> : detail}</span>
    </div>
  );
}

/** One filter's effect. */
function Step({ step, number }: { step: TraceEntry; number: number }) {
  return (
    <>
      <div className="step-head">
        <strong>
          {number}. {step.plugin}
        </strong>
        {step.version && <span className="muted small">{step.version}</span>}
        <Badge tone={ACTIONS[step.action].tone}>{ACTIONS[step.action].text}</Badge>
        <span className="muted small">{duration(step.micros)}</span>
      </div>
      {step.cause && step.action === "skipped" && <p className="small">{CAUSES[step.cause]}</p>}
      {step.detail && <p className="small reason">{step.detail}</p>}
      {sent(step.sent) && <p className="small">{sent(step.sent)}</p>}
      {step.changes && <Changes of={step.changes} />}
    </>
  );
}

/** The changed fields of a message, each with its difference. */
export function Changes({ of }: { of: readonly Change[] }) {
  return of.map((change) => (
    <div key={change.field}>
      <h3>{FIELDS[change.field] ?? change.field}</h3>
      {Boolean(change.skipped) && <p className="small muted">… {change.skipped} bytes before are the same</p>}
      <Difference before={change.before ?? ""} after={change.after ?? ""} />
      {change.cut && <p className="small muted">… the rest is not shown</p>}
    </div>
  ));
}

/** The names of a message's fields. */
export const FIELDS: Record<string, string> = { title: "Title", message: "Text", priority: "Priority", extras: "Extras" };

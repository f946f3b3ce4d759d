import { useMutation } from "@tanstack/react-query";
import { Form } from "react-aria-components";

import { api, unwrap } from "../../api/client";
import { useApplications } from "../../api/queries";
import type { Plugin, Sample, Tried } from "../../api/types";
import { duration } from "../../lib/duration";
import { denied, others, requests, sends, writes } from "../../lib/effects";
import { isSame, requestOf, type SampleMessage } from "../../lib/sample";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Choice, NumberInput, TextInput } from "../../ui/field";
import { ErrorNotice, Hint } from "../../ui/notice";
import { Section } from "../../ui/page";
import { Changes } from "../messages/trace";
import { ANSWERS } from "./answers";
import { useFilters } from "./queries";

interface Props {
  plugin: Plugin;
  sample: SampleMessage;
  onChange: (sample: SampleMessage) => void;
}

/** A sample message, and a filter's answer to it. */
export function Try({ plugin, sample, onChange }: Props) {
  const applications = useApplications();
  const ask = useMutation({
    mutationFn: (body: Sample) =>
      unwrap(api.POST("/plugin/{id}/try", { params: { path: { id: plugin.id } }, body })),
  });
  const request = requestOf(sample);
  const options = [
    { id: "none", text: "One that does not exist" },
    ...(applications.data ?? []).map((one) => ({ id: String(one.id), text: one.name })),
  ];
  return (
    <Section title="Try a message">
      <p className="muted">
        The filter answers as to a real message, with the saved configuration. The server stores and sends nothing.
      </p>
      <Form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate(request);
        }}
      >
        <Choice
          label="Application"
          value={sample.application === null ? "none" : String(sample.application)}
          onChange={(id) => onChange({ ...sample, application: id === "none" ? null : Number(id) })}
          options={options}
        />
        <Unseen plugin={plugin} application={sample.application} />
        <TextInput
          label="Title"
          description="If it is empty, the name of the application is the title."
          value={sample.title}
          onChange={(title) => onChange({ ...sample, title })}
          autoComplete="off"
        />
        <TextInput
          label="Text"
          lines={4}
          value={sample.text}
          onChange={(text) => onChange({ ...sample, text })}
          isRequired
        />
        <NumberInput
          label="Priority"
          description="0 is silent, 10 urgent."
          value={sample.priority}
          onChange={(priority) => onChange({ ...sample, priority })}
          formatOptions={{ maximumFractionDigits: 0 }}
        />
        <div className="actions">
          <Button kind="primary" type="submit" isPending={ask.isPending}>
            Try
          </Button>
        </div>
      </Form>
      {ask.isError && <ErrorNotice error={ask.error} title="The filter was not asked" />}
      {ask.data && ask.variables && (
        <Answer tried={ask.data} isOutdated={!isSame(ask.variables, request)} />
      )}
    </Section>
  );
}

/** Says that the filter is not asked about real messages of an application. */
function Unseen({ plugin, application }: { plugin: Plugin; application: number | null }) {
  const filters = useFilters();
  const seen = filters.data?.find((one) => one.id === plugin.id)?.applications;
  if (application === null || !seen || seen.includes(application)) return null;
  return <Hint>You chose that the filter does not see the messages of this application. Here, it answers anyway.</Hint>;
}

function Answer({ tried, isOutdated }: { tried: Tried; isOutdated: boolean }) {
  const { result, version, micros, sent, requested } = tried;
  const { text, tone } = ANSWERS[result.action];
  return (
    <section className="step stack" aria-label="Answer">
      <div className="step-head" role="status">
        <Badge tone={tone}>{text}</Badge>
        <span className="muted small">
          Version {version} answered in {duration(micros)}
        </span>
      </div>
      {isOutdated && <p className="small muted">The message has changed since this answer.</p>}
      {result.detail && (
        <p className="small reason">
          {result.action === "drop" ? "Reason: " : ""}
          {result.detail}
        </p>
      )}
      {result.changes && <Changes of={result.changes} />}
      {sends(tried) && (
        <div className="small">
          <p>{sends(tried)}:</p>
          <ul>
            {sent.map((message, index) => (
              <li key={index} dir="auto">
                {message.title && <strong>{message.title}: </strong>}
                {message.message}
                {message.priority > 0 && <span className="muted"> (priority {message.priority})</span>}
              </li>
            ))}
            {tried.sends > sent.length && <li className="muted">and {tried.sends - sent.length} more</li>}
          </ul>
        </div>
      )}
      {requests(tried) && (
        <div className="small">
          <p>{requests(tried)}:</p>
          <ul>
            {requested.map(({ method, url }, index) => (
              <li key={index}>
                {method} {url}
              </li>
            ))}
            {tried.requests > requested.length && (
              <li className="muted">and {tried.requests - requested.length} more</li>
            )}
          </ul>
        </div>
      )}
      {writes(tried) && <p className="small">{writes(tried)}.</p>}
      {others(tried).map((call) => (
        <p key={call} className="small">
          {call}
        </p>
      ))}
      {denied(tried).map((attempt) => (
        <p key={attempt} className="small">
          {attempt}
        </p>
      ))}
      {(tried.requests > 0 || tried.denied.length > 0) && (
        <p className="small muted">
          Here, the filter has no HTTP, no directories and no environment variables. A real answer may differ.
        </p>
      )}
    </section>
  );
}

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../api/client";
import { confirmIdentity } from "../api/elevation";
import { TIME_ZONE, useTimeZone, useVersion } from "../api/queries";
import { isElevated, useNow, useUser } from "../api/session";
import { useNotifications } from "../lib/notifications";
import { below } from "../lib/root";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { Switch, TextInput } from "../ui/field";
import { ErrorNotice } from "../ui/notice";
import { Page, Section } from "../ui/page";
import { Loaded } from "../ui/query";
import { Time } from "../ui/time";
import { toast } from "../ui/toast";

export default function SettingsView() {
  return (
    <Page title="Settings">
      <Notifications />
      <TimeZone />
      <Elevation />
      <Password />
      <About />
    </Page>
  );
}

function Notifications() {
  const { current, set } = useNotifications();
  return (
    <Section title="Notifications">
      <Switch
        isSelected={current === "on"}
        isDisabled={current === "denied" || current === "unsupported"}
        onChange={(on) => void set(on)}
      >
        Show notifications of this browser for new messages
      </Switch>
      {current === "denied" && (
        <p className="small muted">
          The browser blocks notifications of this page. Allow them in the browser's settings for this site.
        </p>
      )}
      {current === "unsupported" && (
        <p className="small muted">This browser offers none here. Pages need HTTPS for them.</p>
      )}
    </Section>
  );
}

/** The time zone of the user's timers; it is saved at once. */
function TimeZone() {
  const client = useQueryClient();
  const zone = useTimeZone();
  const save = useMutation({
    // One after the other: the last choice is the one that stays.
    scope: { id: "time-zone" },
    mutationFn: (timeZone: string) => unwrap(api.PUT("/current/user/timezone", { body: { timeZone } })),
    onSuccess: (saved) => {
      client.setQueryData(TIME_ZONE, saved);
      toast("The time zone is changed");
      // It moves the next times of timers.
      void client.invalidateQueries({ queryKey: ["plugin"] });
    },
  });
  return (
    <Section title="Time zone">
      <Loaded query={zone} of="the time zone">
        {({ timeZone }) => <Zones value={save.isPending ? save.variables : timeZone} onChange={save.mutate} />}
      </Loaded>
      {save.isError && <ErrorNotice error={save.error} title="The time zone was not changed" />}
    </Section>
  );
}

function Zones({ value, onChange }: { value: string; onChange: (zone: string) => void }) {
  const id = useId();
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // Browsers leave out UTC and older names.
  const zones = [...new Set(["UTC", own, value, ...Intl.supportedValuesOf("timeZone")])].filter(Boolean).sort();
  return (
    <>
      <div className="field">
        <label htmlFor={id}>Time zone of timers</label>
        <select
          id={id}
          className="input"
          value={value}
          aria-describedby={`${id}-help`}
          onChange={({ target }) => onChange(target.value)}
        >
          <option value="">The server's time zone</option>
          {zones.map((zone) => (
            <option key={zone}>{zone}</option>
          ))}
        </select>
        <p className="help" id={`${id}-help`}>
          Plugins' timers with a cron expression fire by it, except those that a plugin sets in another zone.
        </p>
      </div>
      {own && (
        <div className="cluster">
          <span className="small muted">This browser's time zone is {own}.</span>
          {own !== value && <Button onPress={() => onChange(own)}>Use {own}</Button>}
        </div>
      )}
    </>
  );
}

function Elevation() {
  const user = useUser();
  useNow(10_000);
  const elevated = isElevated(user);
  return (
    <Section title="Elevation">
      <div className="cluster">
        <Badge tone={elevated ? "ok" : "muted"}>{elevated ? "Elevated" : "Not elevated"}</Badge>
        {elevated && user.elevatedUntil && (
          <span className="small muted">
            ends <Time date={user.elevatedUntil} />
          </span>
        )}
      </div>
      <p>
        Deleting an application, changing tokens and passwords, and administration need an elevated session. It begins
        with the login and ends after an hour; the password elevates it again.
      </p>
      {!elevated && (
        <div>
          <Button onPress={() => void confirmIdentity()}>Elevate this session</Button>
        </div>
      )}
    </Section>
  );
}

function Password() {
  const user = useUser();
  const [pass, setPass] = useState("");
  const [again, setAgain] = useState("");
  const change = useMutation({
    mutationFn: () => unwrap(api.POST("/current/user/password", { body: { pass } })),
    onSuccess: () => {
      setPass("");
      setAgain("");
      toast("The password is changed");
    },
  });
  return (
    <Section title="Change password">
      <Form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <input type="text" name="username" autoComplete="username" value={user.name} readOnly hidden />
        <TextInput
          label="New password"
          type="password"
          autoComplete="new-password"
          value={pass}
          onChange={setPass}
          isRequired
        />
        <TextInput
          label="New password again"
          type="password"
          autoComplete="new-password"
          value={again}
          onChange={setAgain}
          isRequired
          validate={(value) => (value === pass ? null : "The two passwords differ.")}
        />
        {change.isError && <ErrorNotice error={change.error} />}
        <div>
          <Button kind="primary" type="submit" isPending={change.isPending}>
            Change password
          </Button>
        </div>
      </Form>
    </Section>
  );
}

function About() {
  const version = useVersion();
  return (
    <Section title="About">
      <dl className="facts">
        <dt>Server</dt>
        <dd>Mortise {version.data?.version}</dd>
        <dt>API description</dt>
        <dd>
          <a href={below("/openapi.json")}>openapi.json</a>
        </dd>
      </dl>
    </Section>
  );
}

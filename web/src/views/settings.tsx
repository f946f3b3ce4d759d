import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../api/client";
import { confirmIdentity } from "../api/elevation";
import { useVersion } from "../api/queries";
import { isElevated, useNow, useUser } from "../api/session";
import { useNotifications } from "../lib/notifications";
import { below } from "../lib/root";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { Switch, TextInput } from "../ui/field";
import { ErrorNotice } from "../ui/notice";
import { Page, Section } from "../ui/page";
import { Time } from "../ui/time";
import { toast } from "../ui/toast";

export default function SettingsView() {
  return (
    <Page title="Settings">
      <Notifications />
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

import { useState } from "react";
import { Form } from "react-aria-components";

import { ApiProblem } from "../api/client";
import { elevate, useElevationPrompt, useSession } from "../api/session";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { TextInput } from "./field";
import { ErrorNotice } from "./notice";

/** Asks for the password when the server wants an elevated session. */
export function Elevation() {
  const { isOpen, close } = useElevationPrompt();
  const { data: user } = useSession();
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const finish = (done: boolean) => {
    setPassword("");
    setError(null);
    close(done);
  };
  const submit = async () => {
    if (!user) return;
    setBusy(true);
    setError(null);
    try {
      await elevate(user, password);
      finish(true);
    } catch (error) {
      const isWrong = error instanceof ApiProblem && (error.status === 401 || error.status === 403);
      setError(isWrong ? new Error("The password is wrong.") : error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title="Confirm your password" isOpen={isOpen} onClose={() => finish(false)}>
      <Form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p>This changes something important. Your password allows it on this device for an hour.</p>
        <input type="text" name="username" autoComplete="username" value={user?.name ?? ""} readOnly hidden />
        <TextInput
          label="Password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={setPassword}
          isRequired
          autoFocus
        />
        {error != null && <ErrorNotice error={error} />}
        <footer className="dialog-foot">
          <Button onPress={() => finish(false)}>Cancel</Button>
          <Button kind="primary" type="submit" isPending={busy}>
            Confirm
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}

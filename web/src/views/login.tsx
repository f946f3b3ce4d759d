import { useEffect, useState } from "react";
import { Form } from "react-aria-components";

import { ApiProblem } from "../api/client";
import { useLogin, useProviderLogin } from "../api/session";
import { below } from "../lib/root";
import { Button } from "../ui/button";
import { TextInput } from "../ui/field";
import { ErrorNotice } from "../ui/notice";

export function Login() {
  const login = useLogin();
  const provider = useProviderLogin();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  useEffect(() => {
    document.title = "Log in · Mortise";
  }, []);
  const wrong = login.error instanceof ApiProblem && login.error.status === 401;
  return (
    <main className="login">
      <div className="card">
        <div className="brand">
          <img src={below("/page/icon.svg")} alt="" />
          <h1>Mortise</h1>
        </div>
        <Form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            login.mutate({ name, password });
          }}
        >
          <TextInput
            label="User name"
            name="username"
            autoComplete="username"
            value={name}
            onChange={setName}
            isRequired
            autoFocus
          />
          <TextInput
            label="Password"
            name="password"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={setPassword}
            isRequired
          />
          {login.isError && (
            <ErrorNotice error={wrong ? new Error("The name or the password is wrong.") : login.error} />
          )}
          <Button kind="primary" type="submit" isPending={login.isPending}>
            Log in
          </Button>
        </Form>
        {provider && (
          <a className="button" href={provider}>
            Log in with your organisation
          </a>
        )}
        <p className="small muted">
          First time here? On its first start the server created the user <code>admin</code> and printed the password
          in its terminal or log, once.
        </p>
      </div>
    </main>
  );
}

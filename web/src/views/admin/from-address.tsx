import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Form } from "react-aria-components";

import { api, unwrap } from "../../api/client";
import { useInstallProgress } from "../../api/live";
import type { Status } from "../../api/types";
import { Button } from "../../ui/button";
import { TextInput } from "../../ui/field";
import { ErrorNotice } from "../../ui/notice";
import { InstallProgress } from "./install-progress";
import { VersionFacts } from "./version";

interface Props {
  onDone: (status: Status) => void;
  onCancel: () => void;
}

/** Installs from a registry, after showing the version there, or from a file's address with its digest. */
export function FromAddress({ onDone, onCancel }: Props) {
  const [url, setUrl] = useState("");
  const [digest, setDigest] = useState("");
  const [signature, setSignature] = useState("");
  const isRegistry = /^oci(\+https?)?:/.test(url);
  const look = useMutation({
    mutationFn: () => unwrap(api.GET("/admin/registry", { params: { query: { reference: url } } })),
  });
  const found = isRegistry ? look.data : undefined;
  const install = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/admin/plugins", {
          body: found ? { url, digest: found.digest } : { url, digest, ...(signature && { signature }) },
        } as never),
      ) as Promise<Status>,
    onSuccess: onDone,
  });
  const progress = useInstallProgress(install.isPending);
  const change = (text: string) => {
    setUrl(text);
    look.reset();
    install.reset();
  };
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRegistry && !found) look.mutate();
        else install.mutate();
      }}
    >
      <TextInput
        label="Address"
        placeholder="oci://ghcr.io/example/rules:1.0.0"
        description="A version in a registry, oci://HOST/NAME:TAG, or the https address of a file."
        value={url}
        onChange={change}
        isRequired
        autoFocus
      />
      {!isRegistry && (
        <>
          <TextInput
            label="Digest"
            placeholder="sha256:…"
            description="Its author publishes it. The server installs exactly the file that has it."
            value={digest}
            onChange={setDigest}
            isRequired
            validate={(value) =>
              value === "" || /^sha256:[0-9a-f]{64}$/i.test(value)
                ? null
                : "A digest is sha256: and 64 hexadecimal digits."
            }
          />
          <TextInput
            label="Signature"
            description="The content of the file NAME.minisig, if there is one."
            value={signature}
            onChange={setSignature}
            lines={3}
          />
        </>
      )}
      {found && <VersionFacts version={found} />}
      {install.isPending && <InstallProgress step={progress} />}
      {look.isError && <ErrorNotice error={look.error} title="The version was not found" />}
      {install.isError && <ErrorNotice error={install.error} title="The plugin was not installed" />}
      <footer className="dialog-foot">
        <Button onPress={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" isPending={look.isPending || install.isPending}>
          {isRegistry && !found ? "Show the version" : "Install"}
        </Button>
      </footer>
    </Form>
  );
}

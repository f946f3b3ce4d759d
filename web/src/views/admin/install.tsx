import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FileDown, Link2 } from "lucide-react";
import { useState } from "react";
import { DropZone, FileTrigger, Form } from "react-aria-components";
import { useNavigate } from "react-router";

import { api, raw, unwrap } from "../../api/client";
import { type InstallStep, useInstallProgress } from "../../api/live";
import type { Status } from "../../api/types";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { TextInput } from "../../ui/field";
import { ErrorNotice } from "../../ui/notice";
import { Section } from "../../ui/page";
import { toast } from "../../ui/toast";

const STEPS: Record<InstallStep["step"], string> = {
  receiving: "Receiving the file",
  downloading: "Downloading the file",
  checking: "Checking and loading it",
  done: "Installed",
  failed: "Failed",
};

/** Installs a plugin from a dropped or chosen file, or from an address. */
export function Install() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [fromAddress, setFromAddress] = useState(false);
  const done = async (status: Status) => {
    await client.invalidateQueries({ queryKey: ["admin"] });
    await client.invalidateQueries({ queryKey: ["plugins"] });
    toast(`${status.name} ${status.version} is installed`);
    void navigate(`/administration/plugins/${encodeURIComponent(status.id)}`);
  };
  const install = useMutation({
    mutationFn: async (files: readonly File[]) => {
      const isSignature = (file: File) => file.name.endsWith(".minisig");
      const plugin = files.find((file) => !isSignature(file));
      if (!plugin) throw new Error("This is a signature only. Drop it together with its plugin.");
      const signature = files.find(isSignature);
      const query = signature ? `?${new URLSearchParams({ signature: await signature.text() })}` : "";
      const answer = await raw(`/admin/plugins${query}`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: plugin,
      });
      return JSON.parse(answer) as Status;
    },
    onSuccess: done,
  });
  const progress = useInstallProgress(install.isPending);
  return (
    <Section title="Install a plugin">
      <DropZone
        className="drop"
        aria-label="Drop a plugin file here"
        onDrop={async ({ items }) => {
          const files = await Promise.all(items.flatMap((item) => (item.kind === "file" ? [item.getFile()] : [])));
          if (files.length > 0) install.mutate(files);
        }}
      >
        <FileDown aria-hidden />
        <p>
          <strong>Drop a plugin file here</strong>
        </p>
        <p className="small muted">
          A WebAssembly component or an executable; a signature (<code>.minisig</code>) may come with it.
        </p>
        <div className="cluster">
          <FileTrigger allowsMultiple onSelect={(files) => files && install.mutate([...files])}>
            <Button isPending={install.isPending}>Choose a file</Button>
          </FileTrigger>
          <Button icon={<Link2 aria-hidden />} onPress={() => setFromAddress(true)}>
            From an address
          </Button>
        </div>
        {install.isPending && <Progress step={progress} />}
      </DropZone>
      {install.isError && <ErrorNotice error={install.error} title="The plugin was not installed" />}
      <Dialog title="Install from an address" isOpen={fromAddress} onClose={() => setFromAddress(false)}>
        <FromAddress
          onDone={(status) => {
            setFromAddress(false);
            void done(status);
          }}
          onCancel={() => setFromAddress(false)}
        />
      </Dialog>
    </Section>
  );
}

function Progress({ step }: { step: InstallStep | null }) {
  const share = step?.total && step.bytes !== undefined ? step.bytes / step.total : undefined;
  return (
    <div className="stack" role="status">
      <span>{step ? STEPS[step.step] : "Sending the file"}…</span>
      <progress max={1} value={share} aria-label="Progress of the installation" />
    </div>
  );
}

function FromAddress({ onDone, onCancel }: { onDone: (status: Status) => void; onCancel: () => void }) {
  const [url, setUrl] = useState("");
  const [digest, setDigest] = useState("");
  const [signature, setSignature] = useState("");
  const install = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/admin/plugins", {
          body: { url, digest, ...(signature && { signature }) },
        } as never),
      ) as Promise<Status>,
    onSuccess: onDone,
  });
  const progress = useInstallProgress(install.isPending);
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        install.mutate();
      }}
    >
      <TextInput
        label="Address"
        type="url"
        placeholder="https://example.org/plugin.wasm"
        value={url}
        onChange={setUrl}
        isRequired
        autoFocus
      />
      <TextInput
        label="Digest"
        placeholder="sha256:…"
        description="Its author publishes it. The server installs exactly the file that has it."
        value={digest}
        onChange={setDigest}
        isRequired
        validate={(value) =>
          value === "" || /^sha256:[0-9a-f]{64}$/i.test(value) ? null : "A digest is sha256: and 64 hexadecimal digits."
        }
      />
      <TextInput
        label="Signature"
        description="The content of the file NAME.minisig, if there is one."
        value={signature}
        onChange={setSignature}
        lines={3}
      />
      {install.isPending && <Progress step={progress} />}
      {install.isError && <ErrorNotice error={install.error} title="The plugin was not installed" />}
      <footer className="dialog-foot">
        <Button onPress={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" isPending={install.isPending}>
          Install
        </Button>
      </footer>
    </Form>
  );
}

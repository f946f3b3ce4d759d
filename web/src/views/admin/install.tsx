import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FileDown, Link2 } from "lucide-react";
import { useState } from "react";
import { FileTrigger, Form } from "react-aria-components";
import { useNavigate } from "react-router";

import { api, raw, unwrap } from "../../api/client";
import { type InstallStep, useInstallProgress } from "../../api/live";
import type { Status } from "../../api/types";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { FileDrop } from "../../ui/drop";
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
    toast(
      status.waiting?.because === "pending"
        ? `${status.name} ${status.waiting.version.version} waits for your approval`
        : `${status.name} ${status.version} is installed`,
    );
    void navigate(`/administration/plugins/${encodeURIComponent(status.id)}`);
  };
  const install = useMutation({
    mutationFn: async (files: readonly File[]) => {
      const { plugin, signature } = await chosen(files);
      const query = new URLSearchParams({ name: plugin.name, ...(signature && { signature }) });
      const answer = await raw(`/admin/plugins?${query}`, {
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
      <FileDrop className="drop" label="Drop a plugin file here" onFiles={(files) => install.mutate(files)}>
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
      </FileDrop>
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

/** The plugin among dropped files, and its signature if that is one of them. */
async function chosen(files: readonly File[]): Promise<{ plugin: File; signature?: string }> {
  const isSignature = (file: File) => file.name.endsWith(".minisig");
  const [plugin, ...others] = files.filter((file) => !isSignature(file));
  if (files.length === 0) throw new Error("This is not a file. Drop the plugin's file, not its folder or a link to it.");
  if (!plugin) throw new Error("This is a signature only. Drop it together with its plugin.");
  if (others.length > 0) {
    throw new Error(`These are ${others.length + 1} plugins. Drop them one after the other, each with its signature.`);
  }
  return { plugin, signature: await files.find(isSignature)?.text() };
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

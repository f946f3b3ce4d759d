import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FileDown, Link2 } from "lucide-react";
import { useState } from "react";
import { FileTrigger } from "react-aria-components";
import { useNavigate } from "react-router";

import { raw } from "../../api/client";
import { useInstallProgress } from "../../api/live";
import type { Status } from "../../api/types";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { FileDrop } from "../../ui/drop";
import { ErrorNotice } from "../../ui/notice";
import { Section } from "../../ui/page";
import { toast } from "../../ui/toast";
import { FromAddress } from "./from-address";
import { InstallProgress } from "./install-progress";

/** Installs a plugin from a dropped or chosen file, from a registry, or from an address. */
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
            From a registry or an address
          </Button>
        </div>
        {install.isPending && <InstallProgress step={progress} />}
      </FileDrop>
      {install.isError && <ErrorNotice error={install.error} title="The plugin was not installed" />}
      <Dialog title="Install from a registry or an address" wide isOpen={fromAddress} onClose={() => setFromAddress(false)}>
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

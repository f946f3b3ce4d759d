import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "../../api/client";
import { useInstallProgress } from "../../api/live";
import type { Status } from "../../api/types";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { sentence } from "../../ui/notice";
import { toast } from "../../ui/toast";
import { InstallProgress } from "./install-progress";
import { useNewest } from "./queries";
import { manifestOf, VersionFacts } from "./version";

/** The registry that a plugin came from, and its newest version there. */
export function Update({ status }: { status: Status }) {
  const client = useQueryClient();
  const newest = useNewest(status);
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const progress = useInstallProgress(busy);
  const { source } = status;
  if (!source) return null;
  const found = newest.data;
  const version = found && manifestOf(found)?.version;
  const update = async () => {
    if (!found) return;
    setBusy(true);
    try {
      const after = await unwrap(
        api.POST("/admin/plugins/{id}/update", {
          params: { path: { id: status.id } },
          body: { digest: found.digest },
        }),
      );
      toast(
        after.waiting?.because === "pending"
          ? `${after.name} ${after.waiting.version.version} waits for your approval`
          : `${after.name} ${after.version} is active`,
      );
      await Promise.all([
        client.invalidateQueries({ queryKey: ["admin"] }),
        client.invalidateQueries({ queryKey: ["plugins"] }),
      ]);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <dt>Registry</dt>
      <dd className="stack">
        <span>
          <code>{source.reference}</code>
          <br />
          <code className="small muted">{source.digest}</code>
        </span>
        {newest.isPending && <span className="muted">Looking for a newer version…</span>}
        {newest.isError && <span className="muted">{sentence(newest.error.message)}</span>}
        {found && !found.new && <span className="muted">There is no newer version.</span>}
        {found?.new && (
          <span className="cluster">
            <span>{version ? `Version ${version} is available.` : "A newer version is available."}</span>
            <Button kind="primary" onPress={() => setAsked(true)}>
              Update…
            </Button>
          </span>
        )}
      </dd>
      {found && (
        <Confirm
          title={version ? `Update to version ${version}?` : "Update?"}
          isOpen={asked}
          onClose={() => setAsked(false)}
          action="Update"
          kind="primary"
          run={update}
        >
          <VersionFacts version={found} />
          {found.difference.wants.length > 0 && (
            <p>If it asks the administrator for more, it waits for your approval, and the active version goes on.</p>
          )}
          {busy && <InstallProgress step={progress} />}
        </Confirm>
      )}
    </>
  );
}

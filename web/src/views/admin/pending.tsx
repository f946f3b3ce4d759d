import { useMutation, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { Status } from "../../api/types";
import { Button } from "../../ui/button";
import { ErrorNotice } from "../../ui/notice";
import { PermissionRow } from "../../ui/permission";
import { toast } from "../../ui/toast";
import { Trial } from "./trial";

type Waiting = Extract<NonNullable<Status["waiting"]>, { because: "pending" }>;

/** A version that asks for more, with the difference. */
export function Pending({ status, waiting }: { status: Status; waiting: Waiting }) {
  const client = useQueryClient();
  const { version, difference } = waiting;
  const approve = useMutation({
    mutationFn: (without: boolean) =>
      unwrap(api.POST("/admin/plugins/{id}/approve", { params: { path: { id: status.id } }, body: { without } })),
    onSuccess: () => toast(`${status.name} ${version.version} is active`),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ["admin"] }),
        client.invalidateQueries({ queryKey: ["plugins"] }),
      ]),
  });
  const wants = difference.wants as unknown as { permission: unknown; reason: string }[];
  return (
    <section className="card" aria-label="Version waiting for approval">
      <h2>Version {version.version} asks for more</h2>
      <p>
        Version {status.version} stays active until you decide. Beyond what it asked for before, the new version asks
        for:
      </p>
      <ul className="list">
        {wants.map((want, index) => (
          <PermissionRow key={index} permission={want.permission} reason={want.reason} isNew />
        ))}
      </ul>
      <Trial status={status} />
      {approve.isError && <ErrorNotice error={approve.error} title="The version was not activated" />}
      <div className="actions">
        <Button
          kind="primary"
          onPress={() => approve.mutate(false)}
          isPending={approve.isPending && approve.variables === false}
        >
          Approve and grant
        </Button>
        <Button onPress={() => approve.mutate(true)} isPending={approve.isPending && approve.variables === true}>
          Approve without granting
        </Button>
      </div>
    </section>
  );
}

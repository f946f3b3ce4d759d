import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";

import { api, unwrap } from "../../api/client";
import { key } from "../../lib/permissions";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Section } from "../../ui/page";
import { PermissionRow } from "../../ui/permission";
import { Loaded } from "../../ui/query";
import { Time } from "../../ui/time";
import { useGrants } from "./queries";

/** What a plugin asks for, to grant one by one or all as asked. */
export function Permissions({ id }: { id: string }) {
  const client = useQueryClient();
  const grants = useGrants(id);
  const at = { params: { path: { id } } };
  const refresh = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["admin"] }),
      client.invalidateQueries({ queryKey: ["plugins"] }),
    ]);
  const grant = useMutation({
    mutationFn: (permission: unknown | null) =>
      unwrap(
        api.POST("/admin/plugins/{id}/grant", {
          ...at,
          body: (permission === null ? { asAsked: true } : { permissions: [permission] }) as never,
        }),
      ),
    onSettled: refresh,
  });
  const revoke = useMutation({
    mutationFn: (permission: unknown) =>
      unwrap(api.POST("/admin/plugins/{id}/revoke", { ...at, body: { permissions: [permission] } as never })),
    onSettled: refresh,
  });
  const isBusy = (permission: unknown) =>
    (grant.isPending && grant.variables !== null && key(grant.variables) === key(permission)) ||
    (revoke.isPending && key(revoke.variables) === key(permission));
  return (
    <Loaded query={grants} of="the permissions">
      {({ asked, answeredAt }) => {
        const mine = asked.filter((one) => one.answeredBy === "administrator");
        const users = asked.filter((one) => one.answeredBy === "user");
        const missing = mine.filter((one) => !one.granted);
        return (
          <div className="stack">
            {grant.isError && <ErrorNotice error={grant.error} title="The permission was not granted" />}
            {revoke.isError && <ErrorNotice error={revoke.error} title="The permission was not revoked" />}
            <Section
              title="For you to grant"
              actions={
                missing.length > 0 && (
                  <Button
                    kind="primary"
                    onPress={() => grant.mutate(null)}
                    isPending={grant.isPending && grant.variables === null}
                  >
                    Grant all as asked
                  </Button>
                )
              }
            >
              {mine.length === 0 ? (
                <Empty title="It asks for none of your permissions">It can reach neither the network nor files.</Empty>
              ) : (
                <ul className="list">
                  {mine.map((one, index) => (
                    <PermissionRow key={index} permission={one.permission} reason={one.reason} granted={one.granted}>
                      {one.granted ? (
                        <Button onPress={() => revoke.mutate(one.permission)} isPending={isBusy(one.permission)}>
                          Revoke
                        </Button>
                      ) : (
                        <Button onPress={() => grant.mutate(one.permission)} isPending={isBusy(one.permission)}>
                          Grant
                        </Button>
                      )}
                    </PermissionRow>
                  ))}
                </ul>
              )}
              <p className="small muted">
                {answeredAt ? (
                  <>
                    Changed <Time date={answeredAt} />. A change has effect from the plugin's next call on.
                  </>
                ) : (
                  "Nobody has decided yet. The server denies what you do not grant."
                )}
              </p>
            </Section>
            {users.length > 0 && (
              <Section title="For each user to decide">
                <ul className="list">
                  {users.map((one, index) => (
                    <PermissionRow key={index} permission={one.permission} reason={one.reason}>
                      <Badge tone="muted">Each user decides</Badge>
                    </PermissionRow>
                  ))}
                </ul>
                <p className="small muted">
                  Users consent by enabling the plugin under <Link to="/plugins">Plugins</Link>.
                </p>
              </Section>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}

import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { api, unwrap } from "../../api/client";
import type { Plugin } from "../../api/types";
import { Confirm } from "../../ui/dialog";
import { PermissionRow } from "../../ui/permission";
import { toast } from "../../ui/toast";

interface Props {
  plugin: Plugin;
  /** Enabling is the consent; `consent` is for a version that asks for more. */
  mode: "enable" | "consent" | null;
  onClose: () => void;
}

/** Shows what a plugin asks of the user, with the author's reasons. */
export function Consent({ plugin, mode, onClose }: Props) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const asked = plugin.permissions.filter((one) => one.answeredBy === "user");
  const others = plugin.permissions.filter((one) => one.answeredBy === "administrator");
  const path = { params: { path: { id: plugin.id } } };
  const run = async () => {
    if (mode === "consent") await unwrap(api.POST("/plugin/{id}/consent", path));
    else await unwrap(api.POST("/plugin/{id}/enable", path));
    await client.invalidateQueries({ queryKey: ["plugins"] });
    const configurable = mode === "enable" && plugin.exports.includes("configurer");
    toast(
      `${plugin.name} is on`,
      configurable
        ? { action: { label: "Configure", run: () => void navigate(`/plugins/${plugin.id}/configuration`) } }
        : {},
    );
  };
  return (
    <Confirm
      title={mode === "consent" ? `Consent to more for ${plugin.name}?` : `Enable ${plugin.name}?`}
      isOpen={mode !== null}
      onClose={onClose}
      action={asked.length > 0 ? "Agree and enable" : "Enable"}
      run={run}
      kind="primary"
    >
      {asked.length > 0 ? (
        <>
          <p>With your consent, this plugin may:</p>
          <ul className="list">
            {asked.map((one, index) => (
              <PermissionRow
                key={index}
                permission={one.permission}
                reason={one.reason}
                isNew={mode === "consent" && !one.granted}
              />
            ))}
          </ul>
          <p className="small muted">Disabling the plugin ends this at any time.</p>
        </>
      ) : (
        <p>It needs no permission of yours, so it can neither read nor change your messages.</p>
      )}
      {others.length > 0 && (
        <>
          <p>The administrator decides about:</p>
          <ul className="list">
            {others.map((one, index) => (
              <PermissionRow key={index} permission={one.permission} reason={one.reason} granted={one.granted} />
            ))}
          </ul>
        </>
      )}
    </Confirm>
  );
}

export function Disable({ plugin, isOpen, onClose }: { plugin: Plugin; isOpen: boolean; onClose: () => void }) {
  const client = useQueryClient();
  return (
    <Confirm
      title={`Disable ${plugin.name}?`}
      isOpen={isOpen}
      onClose={onClose}
      action="Disable"
      kind="primary"
      run={async () => {
        await unwrap(api.POST("/plugin/{id}/disable", { params: { path: { id: plugin.id } } }));
        await client.invalidateQueries({ queryKey: ["plugins"] });
      }}
    >
      <p>It stops working for you at once. Its configuration and its data are kept for the next time.</p>
    </Confirm>
  );
}

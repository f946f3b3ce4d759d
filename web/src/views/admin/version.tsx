/** A version in a registry, as people read it before it is installed. */
import type { RegistryVersion } from "../../api/types";
import { Badge } from "../../ui/badge";
import { Hint } from "../../ui/notice";
import { Markdown } from "../../ui/markdown";
import { PermissionRow } from "../../ui/permission";

interface Manifest {
  id: string;
  name: string;
  version: string;
  author?: string;
  wants?: Want[];
}

interface Want {
  permission: unknown;
  reason: string;
}

/** The plugin's manifest, as its publisher announced it. */
export function manifestOf(version: RegistryVersion): Manifest | null {
  return (version.manifest ?? null) as unknown as Manifest | null;
}

export function VersionFacts({ version }: { version: RegistryVersion }) {
  const manifest = manifestOf(version);
  const { signature, installed } = version;
  const more = version.difference.wants as unknown as Want[];
  const wants = manifest?.wants ?? [];
  return (
    <div className="stack" role="group" aria-label="Version in the registry">
      <dl className="facts">
        {manifest && (
          <>
            <dt>Plugin</dt>
            <dd>
              {manifest.name} {manifest.version}
              <br />
              <code className="small muted">{manifest.id}</code>
            </dd>
          </>
        )}
        {manifest?.author && (
          <>
            <dt>Author</dt>
            <dd>{manifest.author}</dd>
          </>
        )}
        {installed && (
          <>
            <dt>Installed</dt>
            <dd>{version.new ? `version ${installed.version}` : `this version (${installed.version})`}</dd>
          </>
        )}
        <dt>Signature</dt>
        <dd>
          {signature.is === "trusted" && <Badge tone="ok">Signed by {signature.key}</Badge>}
          {signature.is === "untrusted" && <Badge tone="warning">Signed with a key that is not trusted</Badge>}
          {signature.is === "none" && <Badge tone="muted">Not signed</Badge>}
        </dd>
        <dt>Digest</dt>
        <dd>
          <code className="small">{version.digest}</code>
        </dd>
        <dt>File</dt>
        <dd>
          {version.backend === "native" ? "an executable" : "a WebAssembly component"}, {version.size} bytes
        </dd>
      </dl>
      {!manifest && (
        <Hint>
          Its publisher did not add what it asks for. The installation grants nothing; decide about its permissions
          after it.
        </Hint>
      )}
      {installed && version.new && manifest && (
        <Asked title={`Beyond version ${installed.version}, it asks for`} none="It asks for nothing more." wants={more} isNew />
      )}
      {!installed && manifest && <Asked title="It asks for" none="It asks for no permission." wants={wants} />}
      {version.readme && (
        <details>
          <summary>README</summary>
          <Markdown text={version.readme} />
        </details>
      )}
    </div>
  );
}

interface AskedProps {
  title: string;
  none: string;
  wants: readonly Want[];
  isNew?: boolean;
}

function Asked({ title, none, wants, isNew }: AskedProps) {
  if (wants.length === 0) return <p>{none}</p>;
  return (
    <div>
      <h3>{title}</h3>
      <ul className="list">
        {wants.map((want, index) => (
          <PermissionRow key={index} permission={want.permission} reason={want.reason} isNew={isNew} />
        ))}
      </ul>
    </div>
  );
}

import type { InstallStep } from "../../api/live";

const STEPS: Record<InstallStep["step"], string> = {
  receiving: "Receiving the file",
  downloading: "Downloading the file",
  checking: "Checking and loading it",
  done: "Installed",
  failed: "Failed",
};

export function InstallProgress({ step }: { step: InstallStep | null }) {
  const share = step?.total && step.bytes !== undefined ? step.bytes / step.total : undefined;
  return (
    <div className="stack" role="status">
      <span>{step ? STEPS[step.step] : "Asking the server"}…</span>
      <progress max={1} value={share} aria-label="Progress of the installation" />
    </div>
  );
}

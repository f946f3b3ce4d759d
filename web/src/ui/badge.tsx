import type { ReactNode } from "react";

export type Tone = "ok" | "warning" | "error" | "info" | "muted";

/** A state in a word, with a colour that says the same. */
export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

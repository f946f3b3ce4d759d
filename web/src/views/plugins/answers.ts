import type { CallResult } from "../../api/types";
import type { Tone } from "../../ui/badge";

/** A filter's answers in words and colour. */
export const ANSWERS: Record<CallResult["action"], { text: string; tone: Tone }> = {
  keep: { text: "Kept unchanged", tone: "muted" },
  replace: { text: "Changed", tone: "info" },
  drop: { text: "Dropped", tone: "warning" },
  fail: { text: "Failed", tone: "error" },
};

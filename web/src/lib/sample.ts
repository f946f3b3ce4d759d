/** A message for a filter to answer about, which is not sent. */
import type { Sample } from "../api/types";

export interface SampleMessage {
  /** None for an application that does not exist. */
  application: number | null;
  title: string;
  text: string;
  /** No number while its field is empty. */
  priority: number;
}

export const EMPTY: SampleMessage = { application: null, title: "", text: "", priority: 0 };

/** The request that asks a filter. */
export function requestOf({ application, title, text, priority }: SampleMessage): Sample {
  return {
    message: text,
    title,
    priority: Number.isNaN(priority) ? 0 : priority,
    ...(application !== null && { appid: application }),
  };
}

/** Whether two requests ask the same. */
export function isSame(one: Sample, other: Sample): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Waits; the time counts towards the call's deadline. */
export function sleep(ms: number): void;
/** Ends the instance, which the host takes for a crash. */
export function exit(code?: number): never;

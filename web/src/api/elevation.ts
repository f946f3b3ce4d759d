/**
 * Elevation: the server lets a session do certain things only for a while after
 * the password was given. A request that it denies for this reason opens the
 * dialog (see `ui/elevation.tsx`) and is sent again.
 */
type Ask = () => Promise<boolean>;

let isElevated = () => true;
let ask: Ask = async () => false;
let asking: Promise<boolean> | null = null;

/** Connects the dialog and the session to the client. */
export function provideElevation(current: () => boolean, dialog: Ask) {
  isElevated = current;
  ask = dialog;
}

/** Resolves to true when the user gave the password and a retry makes sense. */
export async function confirmIdentity(): Promise<boolean> {
  if (isElevated()) return false;
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

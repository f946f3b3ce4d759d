import { X } from "lucide-react";
import {
  Button,
  Text,
  UNSTABLE_Toast as Toast,
  UNSTABLE_ToastContent as ToastContent,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from "react-aria-components";

interface Content {
  text: string;
  action?: { label: string; run: () => void };
}

const queue = new ToastQueue<Content>({ maxVisibleToasts: 3 });

/** How long a notice stays: longer where it offers something to do. */
const PLAIN_MS = 4000;
const WITH_ACTION_MS = 7000;

let plain: string | null = null;

/** Says in passing that something was done; `onClose` runs when it has gone. */
export function toast(text: string, options: { action?: Content["action"]; onClose?: () => void } = {}) {
  const timeout = options.action ? WITH_ACTION_MS : PLAIN_MS;
  // On a phone they lie over the lower part of the page: one at a time is enough.
  if (!options.action && plain) queue.close(plain);
  const key = queue.add({ text, action: options.action }, { timeout, onClose: options.onClose });
  if (!options.action) plain = key;
}

export function Toasts() {
  return (
    <ToastRegion queue={queue} className="toasts">
      {({ toast }) => (
        <Toast toast={toast} className="toast">
          <ToastContent className="toast-text">
            <Text slot="title">{toast.content.text}</Text>
          </ToastContent>
          {toast.content.action && (
            <Button
              className="button quiet"
              onPress={() => {
                toast.content.action?.run();
                queue.close(toast.key);
              }}
            >
              {toast.content.action.label}
            </Button>
          )}
          <Button slot="close" className="icon-button" aria-label="Close">
            <X aria-hidden />
          </Button>
        </Toast>
      )}
    </ToastRegion>
  );
}

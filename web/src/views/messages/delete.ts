import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";

import { api, unwrap } from "../../api/client";
import { addMessages, removeMessage } from "../../api/messages";
import type { Message } from "../../api/types";
import { below } from "../../lib/root";
import { toast } from "../../ui/toast";

/** Deletions that can still be undone; the server has not heard of them. */
const waiting = new Map<number, () => void>();

// Whoever leaves the page has decided.
addEventListener("pagehide", () => {
  for (const id of waiting.keys()) void fetch(below(`/message/${id}`), { method: "DELETE", keepalive: true });
});

/** Hides a message at once and deletes it when its notice has gone. */
export function useUndoableDelete() {
  const client = useQueryClient();
  const [hidden, setHidden] = useState<ReadonlySet<number>>(() => new Set(waiting.keys()));

  const show = useCallback((id: number) => {
    setHidden((before) => new Set([...before].filter((other) => other !== id)));
  }, []);

  const remove = useCallback(
    (message: Message) => {
      const { id } = message;
      let undone = false;
      const finish = () => {
        waiting.delete(id);
        if (undone) return;
        unwrap(api.DELETE("/message/{id}", { params: { path: { id } } }))
          .then(() => removeMessage(client, id))
          .catch((error: Error) => {
            show(id);
            toast(`The message was not deleted: ${error.message}`);
          });
      };
      waiting.set(id, finish);
      setHidden((before) => new Set(before).add(id));
      toast("Message deleted", {
        action: {
          label: "Undo",
          run: () => {
            undone = true;
            show(id);
            addMessages(client, [message]);
          },
        },
        onClose: finish,
      });
    },
    [client, show],
  );

  useEffect(() => {
    const ids = waiting;
    return () => {
      for (const id of ids.keys()) removeMessage(client, id);
    };
  }, [client]);
  return { hidden, remove };
}

/**
 * New messages over the WebSocket. It reconnects by itself, and tells its
 * listener of each connection, so that the listener can catch up without gaps.
 */
import { useEffect, useState } from "react";

import { inFull } from "../lib/root";
import type { Message } from "./types";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

interface Listener {
  /** Called on each connection, the first included. */
  connected: () => void;
  /** Called when a connection ends or cannot be made. */
  disconnected: () => void;
  message: (message: Message) => void;
}

/** Returns whether the page is connected. */
export function useStream({ connected, disconnected, message }: Listener): boolean {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    let socket: WebSocket | null = null;
    let timer = 0;
    let pause = FIRST_PAUSE_MS;
    let stopped = false;
    const connect = () => {
      clearTimeout(timer);
      const address = new URL(inFull("/stream"));
      address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      const current = new WebSocket(address);
      socket = current;
      current.onopen = () => {
        pause = FIRST_PAUSE_MS;
        setOpen(true);
        connected();
      };
      current.onmessage = ({ data }) => message(JSON.parse(String(data)) as Message);
      current.onclose = () => {
        setOpen(false);
        if (stopped || socket !== current) return;
        disconnected();
        timer = window.setTimeout(connect, pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      };
    };
    const now = () => {
      // A network that is back is worth a try at once.
      if (socket?.readyState === WebSocket.CLOSED) connect();
    };
    connect();
    window.addEventListener("online", now);
    document.addEventListener("visibilitychange", now);
    return () => {
      stopped = true;
      clearTimeout(timer);
      window.removeEventListener("online", now);
      document.removeEventListener("visibilitychange", now);
      socket?.close();
    };
  }, [connected, disconnected, message]);
  return isOpen;
}

/** Notifications of the browser, when the user asked for them on this device. */
import { useSyncExternalStore } from "react";

import type { Message } from "../api/types";

const SETTING = "mortise.notifications";
const listeners = new Set<() => void>();

function wanted(): boolean {
  return localStorage.getItem(SETTING) === "on";
}

export type NotificationState = "on" | "off" | "denied" | "unsupported";

function state(): NotificationState {
  if (!("Notification" in window) || !isSecureContext) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return wanted() && Notification.permission === "granted" ? "on" : "off";
}

export function useNotifications() {
  const current = useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    state,
  );
  const set = async (on: boolean) => {
    if (on && Notification.permission === "default") await Notification.requestPermission();
    localStorage.setItem(SETTING, on ? "on" : "off");
    for (const listener of listeners) listener();
  };
  return { current, set };
}

/** Shows a notification, unless the user is looking at the page. */
export function notify(message: Message) {
  if (state() !== "on" || document.visibilityState === "visible") return;
  const body = message.message.length > 300 ? `${message.message.slice(0, 300)}…` : message.message;
  try {
    const shown = new Notification(message.title, {
      body,
      tag: `mortise-${message.id}`,
      silent: message.priority < 4,
      icon: "/page/icon.svg",
    });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Some phones allow notifications to service workers only.
  }
}

/** Notifications of the browser, when the user asked for them on this device. */
import { useSyncExternalStore } from "react";

import type { Message } from "../api/types";
import { below } from "./root";

const SETTING = "mortise.notifications";
const WORKER = below("/page/notifications.js");
const listeners = new Set<() => void>();

function wanted(): boolean {
  return localStorage.getItem(SETTING) === "on";
}

export type NotificationState = "on" | "off" | "denied" | "unsupported";

function state(): NotificationState {
  const supported = "Notification" in window && "serviceWorker" in navigator && isSecureContext;
  if (!supported) return "unsupported";
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

/** The service worker that shows notifications, once it can. */
async function activeWorker(): Promise<ServiceWorkerRegistration> {
  const registration = await navigator.serviceWorker.register(WORKER);
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  await new Promise<void>((done) => {
    const look = () => {
      if (!worker || worker.state === "activated" || worker.state === "redundant") done();
    };
    worker?.addEventListener("statechange", look);
    look();
  });
  return registration;
}

/** Shows a notification, unless the user is looking at the page. */
export async function notify(message: Message): Promise<void> {
  if (state() !== "on" || document.visibilityState === "visible") return;
  const body = message.message.length > 300 ? `${message.message.slice(0, 300)}…` : message.message;
  try {
    const worker = await activeWorker();
    await worker.showNotification(message.title, {
      body,
      tag: `mortise-${message.id}`,
      silent: message.priority < 4,
      icon: below("/page/icon.svg"),
    });
  } catch (error) {
    // The message itself is in the list.
    console.warn("the notification was not shown", error);
  }
}

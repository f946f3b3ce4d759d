// Shows the page's notifications: phones take them from a service worker only. It
// answers no request.
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show());
});

/** Shows the page that is open, or opens it. */
async function show() {
  const root = new URL("..", location.href).href;
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  // Other programs may have pages on the same host.
  const page = windows.find(({ url }) => url.startsWith(root));
  await (page ? page.focus() : clients.openWindow(root));
}

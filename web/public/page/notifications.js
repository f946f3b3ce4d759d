// Shows the page's notifications: phones take them from a service worker only. It
// answers no request.
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show());
});

/** Shows the page that is open, or opens it. */
async function show() {
  const [page] = await clients.matchAll({ type: "window", includeUncontrolled: true });
  await (page ? page.focus() : clients.openWindow(new URL("..", location.href)));
}

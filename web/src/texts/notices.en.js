/* English, of being told of new messages. */
export const noticesEn = Object.freeze({
  "settings.notices": "Notifications",

  "notices.push": "Notify this device",
  "notices.push_hint": "Also while Recado is closed.",
  "notices.why": "A notification says how many messages are new, never what they say or who wrote them.",
  "notices.unsupported": "This browser cannot be notified here. On an iPhone or iPad, first add Recado to the Home Screen and open it there.",
  "notices.off": "Notifications are switched off on this server.",
  "notices.denied": "This browser does not let Recado notify you. Allow notifications in the browser's settings for this site, then reload the page.",

  "notices.devices": "Devices that are notified",
  "notices.no_devices": "None of your devices is notified.",
  "notices.since": "Since {time}",
  "notices.last": "last notified {time}",
  "notices.remove": "Remove",
  "notices.remove_label": "Stop notifying {name}",
  "notices.removed": "That device is not notified any more.",

  "notices.install": "Recado as an app",
  "notices.install_why": "In a window of its own, among your applications. It opens without a connection, too.",
  "notices.install_do": "Install Recado",
  "notices.update": "There is a new version of Recado.",
  "notices.update_do": "Reload",

  "error.push_off": "Notifications are switched off on this server.",
  "error.push_service": "The browser could not set up notifications. Its push service may be unreachable or switched off.",
});

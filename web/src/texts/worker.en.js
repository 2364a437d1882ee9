/* English, of the notices that a push shows. They say nothing of anybody. */
export const workerEn = Object.freeze({
  "notice.title": "Recado",
  "notice.new.some": "There are new messages",
  "notice.new.one": "{n} new message",
  "notice.new.other": "{n} new messages",
});

/* Brazilian Portuguese, of the notices that a push shows. */
export const workerPtBR = Object.freeze({
  "notice.title": "Recado",
  "notice.new.some": "Há mensagens novas",
  "notice.new.one": "{n} mensagem nova",
  "notice.new.other": "{n} mensagens novas",
});

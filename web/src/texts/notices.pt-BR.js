/* Brazilian Portuguese, of being told of new messages. */
export const noticesPtBR = Object.freeze({
  "settings.notices": "Notificações",

  "notices.push": "Notificar este dispositivo",
  "notices.push_hint": "Mesmo com o Recado fechado.",
  "notices.why": "A notificação diz quantas mensagens são novas, nunca o que dizem nem quem escreveu.",
  "notices.unsupported": "Este navegador não pode ser notificado aqui. No iPhone ou iPad, adicione antes o Recado à Tela de Início e abra-o por lá.",
  "notices.off": "As notificações estão desligadas neste servidor.",
  "notices.denied": "Este navegador não deixa o Recado notificar você. Permita notificações nas configurações do navegador para este site e recarregue a página.",

  "notices.devices": "Dispositivos notificados",
  "notices.no_devices": "Nenhum dos seus dispositivos é notificado.",
  "notices.since": "Desde {time}",
  "notices.last": "última notificação {time}",
  "notices.remove": "Remover",
  "notices.remove_label": "Parar de notificar {name}",
  "notices.removed": "Esse dispositivo não é mais notificado.",

  "notices.install": "Recado como aplicativo",
  "notices.install_why": "Numa janela própria, entre seus aplicativos. Ele abre mesmo sem conexão.",
  "notices.install_do": "Instalar o Recado",
  "notices.update": "Há uma versão nova do Recado.",
  "notices.update_do": "Recarregar",

  "error.push_off": "As notificações estão desligadas neste servidor.",
  "error.push_service": "O navegador não conseguiu ativar as notificações. O serviço de push dele pode estar inacessível ou desligado.",
});

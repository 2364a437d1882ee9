/* How the page looks and sounds on this device: shown at once, kept here. */
import { appearance } from "../../appearance.js";
import { html } from "../../html.js";
import { SIZES, THEMES } from "../../look.js";
import { createSound } from "../../sound.js";
import { texts } from "../../text.js";

const Choices = ({ part, of }) => {
  const t = texts.value;
  const chosen = appearance()[part].value;
  return html`<fieldset class="options" data-testid=${`options-${part}`}>
    <legend>${t(`appearance.${part}`)}</legend>
    ${of.map(
      (one) => html`<label key=${one} class="option">
        <input type="radio" name=${part} value=${one} data-testid=${`${part}-${one}`} checked=${one === chosen} onChange=${() => appearance().choose(part, one)} />
        <span>${t(`appearance.${part}.${one}`)}</span>
      </label>`,
    )}
  </fieldset>`;
};

/* Switching it on lets it be heard, and so the browser knows that it was asked for. */
const sample = createSound({ isOn: () => true });
const switched = ({ currentTarget: { checked } }) => {
  appearance().choose("sound", checked);
  if (checked) void sample.play();
};

const SoundSwitch = () => {
  const t = texts.value;
  return html`<div class="switch">
    <input type="checkbox" role="switch" id="switch-sound" data-testid="switch-sound" checked=${appearance().sound.value} aria-describedby="switch-sound-hint" onChange=${switched} />
    <label for="switch-sound">${t("appearance.sound")}</label>
    <p class="field-hint" id="switch-sound-hint">${t("appearance.sound_hint")}</p>
  </div>`;
};

export const Appearance = () =>
  html`<p class="settings-note">${texts.value("appearance.note")}</p>
    <div class="stack">
      <${Choices} part="theme" of=${THEMES} />
      <${Choices} part="size" of=${SIZES} />
      <${SoundSwitch} />
    </div>`;

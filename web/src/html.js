/* The one way markup is written here: htm over Preact. Values become text nodes or properties, never parsed markup. */
import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);

/* Before the page is first drawn: the theme and the size of letters that were chosen on this device. All else waits for the page. */
import { readLook, showLook, storeOf } from "./look.js";

showLook(document, readLook(storeOf(window)));

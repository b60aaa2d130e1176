// Writing into the page: as text, and only where it differs, so that nothing is laid out or read aloud anew for nothing.

/**
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {string} level what the style sheet makes a colour of: ok, watch, act, none
 */
export function setLevel(element, level) {
  if (element.dataset.level !== level) element.dataset.level = level;
}

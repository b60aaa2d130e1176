// The operator's token: asked for once, kept for this tab alone.

const KEY = 'sheaf-admin-token';

export class Token {
  #dialog = document.getElementById('token');
  #input = document.getElementById('token-input');
  #error = document.getElementById('token-error');
  #button = document.getElementById('token-button');
  #isAwaited = false;

  /** @param {() => void} onEntered a token was entered: it is worth asking again */
  constructor(onEntered) {
    const form = this.#dialog.querySelector('form');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, this.#input.value.trim());
      this.#isAwaited = false;
      this.#button.hidden = true;
      this.#close();
      onEntered();
    });
    form.querySelector('[value="cancel"]').addEventListener('click', () => this.#close());
    this.#dialog.addEventListener('close', () => this.#close());
    this.#button.addEventListener('click', () => this.#open());
  }

  /** @returns {string | null} the token, as far as it is known */
  get() {
    return sessionStorage.getItem(KEY);
  }

  /**
   * Sheaf has refused what was sent. The dialogue opens; whoever closes it has a button to open it again.
   * @param {string} reason as Sheaf says it
   */
  ask(reason) {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#error.textContent = this.get() === null ? '' : `This token was refused: ${reason}.`;
    sessionStorage.removeItem(KEY);
    this.#button.hidden = false;
    this.#open();
  }

  /** @returns {boolean} whether it was asked for and is not there yet: till then there is no sense in asking Sheaf */
  get isAwaited() {
    return this.#isAwaited;
  }

  #open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }

  #close() {
    this.#input.value = '';
    if (this.#dialog.open) this.#dialog.close();
  }
}

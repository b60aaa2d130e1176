// The slider and the switch.

const RATES = [10, 25, 50, 100, 150, 250, 500, 1000, 2000];

/**
 * Wires the slider.
 * @param {(rate: number) => void} onChange quotes a second
 * @returns {() => number} the rate that is set
 */
export function rateSlider(onChange) {
  const slider = document.getElementById('rate');
  const shown = document.getElementById('rate-shown');
  const rate = () => RATES[Number(slider.value)];
  slider.max = RATES.length - 1;
  document.getElementById('rates').append(...RATES.map((_, index) => new Option('', index)));
  const show = () => {
    shown.textContent = rate().toLocaleString('en');
    slider.setAttribute('aria-valuetext', `${rate()} quotes a second`);
  };
  slider.addEventListener('input', () => {
    show();
    onChange(rate());
  });
  show();
  return rate;
}

/**
 * Wires the switch of conflation.
 * @param {() => void} onChange
 * @returns {() => boolean} whether it is on
 */
export function conflationSwitch(onChange) {
  const box = document.getElementById('conflation');
  box.addEventListener('change', onChange);
  return () => box.checked;
}

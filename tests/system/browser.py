"""A headless Chromium, used as people use one: it fills in forms and presses buttons.

Finding and pressing is bounded by deadlines; a page is only looked at when it
is there. What it prints on its console and what axe-core says of its pages can
be asked for.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.system.peers import need
from tests.waiting import wait_until

_AXE = Path(__file__).with_name("axe.min.js")  # axe-core by Deque Systems, MPL 2.0
_PATIENCE = 40.0  # seconds for anything
NOTHING: Mapping[str, object] = {}
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # in containers there is none to have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1280,900",
)

# Many elements in one question: each question takes a while.
_ACTIONS = """
if (document.readyState !== "complete" || !document.querySelector("main")) return null;
return [...document.querySelectorAll('form[action^="/command/"]')].map((form) => form.getAttribute("action"));
"""
_FIND_FORM = """
const [action, given] = arguments;
const has = (form, name, value) =>
  [...form.elements].some((one) => one.type === "hidden" && one.name === name && one.value === value);
return [...document.querySelectorAll("form")].find((form) => form.getAttribute("action") === action
  && Object.entries(given).every(([name, value]) => has(form, name, value))) ?? null;
"""
_MISFITS = """
document.querySelectorAll("details").forEach((one) => { one.open = true; });
const page = document.documentElement.scrollWidth;
return [
  ...(page > arguments[0] ? [`it is ${page} wide`] : []),
  ...[...document.querySelectorAll("td button")].filter((one) => one.offsetHeight > 45).map((one) => one.innerText),
];
"""


class Browser:
    """One window. `home`: where the web admin is, as `http://127.0.0.1:7001`."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.commands: set[str] = set()  # that pages had buttons for
        self.pressed: set[str] = set()
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = need("chromium", "chromium")
        for option in (*_OPTIONS, f"--user-data-dir={self._profile.name}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(need("chromedriver", "chromium-driver"), log_output=os.devnull)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(_PATIENCE)
        self.driver.set_script_timeout(_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()
        self._profile.cleanup()

    # -- going about -----------------------------------------------------------------

    def go(self, path: str) -> None:
        self.driver.get(self.home + path)
        self._arrived()

    def log_in(self, name: str, password: str) -> None:
        self.go("/login")
        self.fill(self.find("form"), name=name, password=password)
        self.press(self.find("form"), "Log in")

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.home)

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return self.find("body").text

    @property
    def message(self) -> str:
        """What became of the last thing done."""
        return self.find(".message").text

    def find(self, selector: str) -> WebElement:
        return wait_until(lambda: self._all(selector), timeout=_PATIENCE)[0]

    def _all(self, selector: str, within: WebElement | None = None) -> list[WebElement]:
        return (within or self.driver).find_elements(By.CSS_SELECTOR, selector)

    def follow(self, words: str) -> None:
        """Go where a link with these words leads."""
        (link, *_) = self.driver.find_elements(By.LINK_TEXT, words)
        self._leave(link.click)

    def form(self, command: str, given: Mapping[str, object] = NOTHING) -> WebElement:
        """The form for a command with what it is given without asking, made visible."""

        wanted = {name: str(value) for name, value in given.items()}
        form = self.driver.execute_script(_FIND_FORM, f"/command/{command}", wanted)
        assert form is not None, f"no form for {command} {given} on {self.path}"
        for details in form.find_elements(By.XPATH, "ancestor::details[not(@open)]"):
            self._all("summary", details)[0].click()
        found: WebElement = form
        return found

    def fill(self, form: WebElement, **fields: str) -> None:
        """Into the fields by their names; `for_` is `for`."""
        for name, value in fields.items():
            (field,) = self._all(f'[name="{name.rstrip("_")}"]', form)
            if field.tag_name == "select":
                next(one for one in self._all("option", field) if one.text == value).click()
            else:
                field.clear()
                field.send_keys(value)

    def press(self, form: WebElement, label: str = "") -> None:
        """Press the form's button, the one with this label, and wait for the page that comes."""
        button = next(one for one in self._all("button", form) if label in one.text)
        action = form.get_attribute("action") or ""
        self.pressed.add(action.rpartition("/command/")[2])
        self._leave(button.click)

    def do(self, command: str, given: Mapping[str, object] = NOTHING, *, sure: bool = False, **fields: str) -> None:
        """Fill in and press the form for a command with what is given; `sure`: and the button that means it."""
        form = self.form(command, given)
        self.fill(form, **fields)
        self.press(form)
        if sure:
            assert "Are you sure?" in self.text, self.text
            self.press(self.form(command, given))

    def _leave(self, act: Callable[[], None]) -> None:
        here = self.find("html")
        act()
        wait_until(lambda: _is_gone(here), timeout=_PATIENCE)
        self._arrived()

    def _arrived(self) -> None:
        """Wait until the page is there, and remember what it has buttons for."""
        wait_until(self._look, timeout=_PATIENCE)

    def _look(self) -> bool:
        try:
            actions = self.driver.execute_script(_ACTIONS)
        except WebDriverException:
            return False  # one page goes, and the other is not yet there
        if actions is None:
            return False
        self.commands |= {action.removeprefix("/command/") for action in actions}
        return True

    # -- what it is like --------------------------------------------------------------

    def emulate(self, **features: str) -> None:
        """What its user prefers, as `prefers_color_scheme="dark"`."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})

    def without_scripts(self) -> None:
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})

    def faults(self) -> list[str]:
        """What axe-core finds serious or critical on this page."""
        self.driver.execute_script(_AXE.read_text())
        result = self.driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
        return [
            f"{self.path}: {one['id']}: {json.dumps([node['html'] for node in one['nodes']][:3])}"
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def complaints(self) -> list[str]:
        """What it has printed on its console, of warnings and worse; that a page was a refusal is none."""
        log: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        found = [one["message"] for one in log if one["level"] in ("WARNING", "SEVERE")]
        return [one for one in found if "the server responded with a status of 4" not in one]

    def misfits(self, width: int) -> list[str]:
        """What sticks out of this page on a screen so wide, all opened, and buttons in tables that take two lines."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        found: list[str] = self.driver.execute_script(_MISFITS, width)
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        return [f"{self.path} at {width}: {one}" for one in found]

    def picture(self, path: Path, width: int = 1280) -> None:
        """The whole page."""
        try:
            self.driver.set_window_size(width, 900)
            height = self.driver.execute_script("return document.documentElement.scrollHeight")
            self.driver.set_window_size(width, min(height + 150, 2000))
            self.driver.save_screenshot(str(path))
        except WebDriverException as error:
            raise AssertionError(f"no picture of {self.path}") from error


def _is_gone(element: WebElement) -> bool:
    """Whether the page is another than when this was found."""
    try:
        element.is_enabled()
    except WebDriverException:  # stale, or at this moment of no document at all
        return True
    return False

#!/usr/bin/python3
"""Holds the layout of pictures in the report's page (src/sinks/page/lanes.js) to src/sinks/lanes.golden.json, as the test of
src/sinks/lanes.cpp does with that of --format svg: so the two cannot part.

Runs it with node, or else in a headless Chromium; exit status 77 where there is neither.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from webdriver import Browser

SINKS = pathlib.Path(__file__).resolve().parent.parent.parent / "src/sinks"
# As layout_of() in lanes_test.cpp tells it.
TELL = """
const place = (station) => (station.joined ? '' : '~') + station.ns + '.' + station.line +
  (station.atInterface ? '' : '.' + station.fromTopSlot) + '/' + station.lane;
const layoutOf = (journeys) => {
  const {namespaces, ways, lanes} = layOut(journeys);
  return {namespaces: namespaces.map((one) => [one.label, one.interfaces, one.gaps]),
          ways: ways.map((way) => way.stations.map(place).join(' ')), lanes};
};
"""


def layouts(cases):
    program = (SINKS / "page/lanes.js").read_text() + TELL
    result = f"({json.dumps([one['journeys'] for one in cases])}).map(layoutOf)"
    if shutil.which("node"):
        done = subprocess.run(["node", "-"], input=f"{program}\nconsole.log(JSON.stringify({result}));", capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"FAILED: {done.stderr}")
        return json.loads(done.stdout)
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        print("skip: neither node nor chromium and chromedriver")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as profile:
        os.environ["HOME"] = profile  # Chromium writes there
        browser = Browser(driver, profile + "/profile")
        try:
            return browser.run(f"{program}\nreturn {result};")
        finally:
            browser.close()


def main():
    cases = json.loads((SINKS / "lanes.golden.json").read_text())
    failed = 0
    for one, layout in zip(cases, layouts(cases), strict=True):
        if layout != one["layout"]:
            failed += 1
            print(f"FAILED: {one['name']}\n  expected: {json.dumps(one['layout'])}\n       got: {json.dumps(layout)}")
    print(f"{len(cases)} layouts, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

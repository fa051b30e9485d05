"""A demo's directory: emptied only where it is a demo's, held by one at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.home import MARKER, SETTINGS, Home, HomeError, in_use, told
from schemas.settings import Settings
from tests.servers.install import ROOT


def test_what_is_no_demo_s_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(HomeError, match="not empty and no demo's"):
        Home(tmp_path).prepare()
    with pytest.raises(HomeError, match="no demo's"):
        Home(tmp_path).reopen()
    file = tmp_path / "thesis.txt"
    with pytest.raises(HomeError, match="not empty"):
        Home(file).prepare()
    assert file.read_text() == "years of work"
    assert not (tmp_path / MARKER).exists()


def test_an_earlier_demo_is_removed_and_what_it_points_to_stays(tmp_path: Path) -> None:
    directory, elsewhere = tmp_path / "demo", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    first = Home(directory)
    first.prepare()
    (directory / "store").mkdir()
    (directory / "store" / "part").touch()
    (directory / "link").symlink_to(elsewhere)
    first.release()
    second = Home(directory)
    second.prepare()
    assert [entry.name for entry in directory.iterdir()] == [MARKER]
    assert (elsewhere / "kept").exists()
    second.release()


def test_a_directory_is_held_by_one_process_until_it_ends(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from deploy.home import Home;"
        "home = Home(Path(sys.argv[1])); home.prepare(); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert in_use(tmp_path)
    (tmp_path / "data").touch()
    uses = ((Home(tmp_path).prepare, ", or name another directory with --home"), (Home(tmp_path).reopen, ""))
    for use, instead in uses:
        with pytest.raises(HomeError, match=f"in use by process {holder.pid}: end that first{instead}$"):
            use()
    assert (tmp_path / "data").exists()
    holder.kill()
    holder.communicate()
    assert not in_use(tmp_path)
    Home(tmp_path).prepare()


def test_settings_come_back_and_are_for_this_user_only(tmp_path: Path) -> None:
    assert told(tmp_path) is None
    settings = Settings(kafka="127.0.0.1:1", mqtt_clients=3, home=tmp_path)
    Home(tmp_path).tell(settings)
    Home(tmp_path).tell(settings)
    assert told(tmp_path) == settings
    assert os.stat(tmp_path / SETTINGS).st_mode & 0o777 == 0o600

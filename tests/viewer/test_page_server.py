"""The server as a client sees it: its addresses, what it refuses, and events when something is published."""

import http.client
import json
import os
import shutil
import socket
from contextlib import contextmanager
from queue import Queue
from threading import Thread

import pytest
from support.live_folders import LiveAttempt, being_run
from support.report_pages import BAD, Page, group, play, suite_of

from rlbench.api import Task
from rlbench.viewer.event_stream import MOST_LISTENERS, EventStream
from rlbench.viewer.folder_watch import FolderWatch
from rlbench.viewer.page_server import PageServer
from rlbench.viewer.video_files import requested_range


class Drawer:
    """Draws nothing; a test sets what is drawn."""

    def __init__(self):
        self.html, self.requests = "", []

    def request(self, fingerprint, hurried):
        if fingerprint not in self.requests:
            self.requests.append(fingerprint)

    def close(self):
        pass


class Served:
    """A folder with its server. `look` lets the watch read the folder once more."""

    def __init__(self, store):
        self.store, self.stream, self.drawer, self._gate = store, EventStream(), Drawer(), Queue()
        self.watch = FolderWatch(store.root, self.stream, 0, self.drawer, lambda seconds: self._gate.get())
        self.server = PageServer(self.watch, self.stream, "small")
        self._thread = Thread(target=self.server.serve_forever, args=(0.01,))

    def __enter__(self):
        self.watch.start()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()
        self._gate.put(None)
        self.watch.close()

    def look(self):
        self._gate.put(None)

    def get(self, path="/", method="GET", **headers):
        """Return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        host = headers.pop("host", f"127.0.0.1:{self.server.server_port}")
        connection.putrequest(method, path, skip_host=True)
        for name, value in (({"Host": host} if host else {}) | headers).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), body.decode("utf-8", "replace")

    @contextmanager
    def events(self):
        """Yield a function that waits for the next event: its kind and its data."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert answer.getheader("Content-Type") == "text/event-stream"

        def following():
            kind = answer.readline().decode().removeprefix("event: ").strip()
            data = json.loads(answer.readline().decode().removeprefix("data: "))
            assert answer.readline() == b"\n"
            return kind, data

        assert following() == ("server", self.server.identity)
        try:
            yield following
        finally:
            answer.close()
            connection.close()


A, B = group("a", 2, config={"n": 1}), group("b", 2, config={"n": 2})


@pytest.fixture
def store(tmp_path):
    return suite_of(tmp_path / "results", [A, B])


@pytest.fixture
def served(store):
    with Served(store) as made:
        yield made


def test_the_page_is_one_document_that_may_run_its_own_script_only(served):
    status, headers, body = served.get("/")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert (
        policy["default-src"] == "'none'"
        and policy["script-src"].startswith("'sha256-")
        and policy["connect-src"] == "'self'"
    )
    assert policy["frame-ancestors"] == "'none'" and "Access-Control-Allow-Origin" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert body.count("<script>") == 1 and "http:" not in body and "https:" not in body


def test_this_machine_is_served_also_through_a_tunnel_with_another_port(served):
    for host in ("127.0.0.1:{}", "127.0.0.1", "localhost:{}", "LOCALHOST", "localhost:9000", "[::1]:{}"):
        assert served.get("/", host=host.format(served.server.server_port))[0] == 200, host


OTHER_HOSTS = (
    "",
    "evil.example",
    "evil.example:{}",
    "127.0.0.1.evil.example:{}",
    "127.0.0.1:{}@evil.example",
    "0.0.0.0:{}",
    "localhost:x",
)


@pytest.mark.parametrize("path", ["/", "/events", "/report", "/videos/a.mp4"])
def test_another_host_is_refused(served, path):
    for host in OTHER_HOSTS:
        status, headers, body = served.get(path, host=host.format(served.server.server_port))
        assert status == 403 and "small" not in body and "Access-Control-Allow-Origin" not in headers, host


def test_only_this_machine_can_connect(served):
    assert served.server.socket.getsockname()[0] == "127.0.0.1"


OTHER_PATHS = (
    "/suite.json",
    "/report.html",
    "/../suite.json",
    "/videos/../suite.json",
    "/videos/..%2fsuite.json",
    "/videos/%2e%2e/suite.json",
    "/videos/%2fetc%2fpasswd",
    "/videos//etc/passwd",
    "/videos/",
    "/videos/.hidden.mp4",
    "/videos/note.txt",
    "/videos/linked.mp4",
    "/videos/twice.mp4",
    "/videos/pipe.mp4",
    "/videos/folder.mp4",
    "/videos/a%00.mp4",
    "/runs",
)


def test_nothing_else_of_the_folder_is_served(served):
    videos = served.store.root / "videos"
    videos.mkdir()
    for name in (".hidden.mp4", "note.txt", "a.mp4"):
        (videos / name).write_text("secret")
    (videos / "linked.mp4").symlink_to(served.store.root / "suite.json")
    os.link(served.store.root / "suite.json", videos / "twice.mp4")
    os.mkfifo(videos / "pipe.mp4")
    (videos / "folder.mp4").mkdir()
    for path in OTHER_PATHS:
        status, _, body = served.get(path)
        assert status == 404 and "secret" not in body and "schema_version" not in body, path
    assert served.get("/videos/a.mp4")[2] == "secret"


def test_a_folder_of_videos_that_leads_elsewhere_is_not_served(served, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.mp4").write_text("secret")
    (served.store.root / "videos").symlink_to(tmp_path / "other")
    assert served.get("/videos/a.mp4")[0] == 404


def test_nothing_can_be_sent(served):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert served.get("/", method=method)[0] == 501


def test_a_part_of_a_video_can_be_requested(served):
    (served.store.root / "videos").mkdir()
    (served.store.root / "videos" / "a b.mp4").write_text("0123456789")
    status, headers, body = served.get("/videos/a%20b.mp4", Range="bytes=2-4")
    assert (status, body, headers["Content-Range"]) == (206, "234", "bytes 2-4/10")
    status, headers, body = served.get("/videos/a%20b.mp4")
    assert (status, body, headers["Content-Type"], headers["Accept-Ranges"]) == (
        200,
        "0123456789",
        "video/mp4",
        "bytes",
    )
    assert served.get("/videos/a%20b.mp4", Range="bytes=10-")[0] == 416


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("", 10, range(10)),
        ("bytes=0-", 10, range(10)),
        ("bytes=3-99", 10, range(3, 10)),
        ("bytes=-4", 10, range(6, 10)),
        ("bytes=-40", 10, range(10)),
        ("bytes=-0", 10, None),
        ("bytes=5-4", 10, None),
        ("bytes=1-2,4-5", 10, range(10)),  # several at once are not served in parts
        ("bytes=-", 10, range(10)),
        ("rows=1-2", 10, range(10)),
        ("bytes=0-", 0, None),
    ],
)
def test_which_bytes_are_requested(header, size, expected):
    assert requested_range(header, size) == expected


def test_the_report_is_served_once_it_is_drawn(served):
    assert served.get("/report")[0] == 503
    served.drawer.html = "<p>drawn</p>"
    status, headers, body = served.get("/report")
    assert (status, body) == (200, "<p>drawn</p>") and "script-src" not in headers["Content-Security-Policy"]


def test_an_event_comes_when_a_record_is_written_and_when_a_run_is_published(served):
    with being_run(served.store), served.events() as following:
        kind, first = following()
        assert (kind, first["slot"]) == ("part", "progress") and "4 waiting" in first["html"]
        attempt = LiveAttempt(served.store, A)
        attempt.evaluates(0, 50, 12.5)
        served.look()
        events = dict([following()[1].values() for _ in range(2)])
        assert "2 running" in events["progress"] and "12.5" in events["curves-0"]
        attempt.evaluates(0, 100, 13.5)
        served.look()
        assert "13.5" in dict([following()[1].values() for _ in range(2)])["curves-0"]
        play(served.store, A, [90.0, 70.0])
        served.look()
        events = dict([following()[1].values() for _ in range(2)])
        assert "2 of 4 runs finished" in events["progress"]
        assert events["curves-0"] == ""  # no run of the task has a curve any more
    assert len(served.drawer.requests) == 2  # at first, and when two runs were published


def test_the_folder_is_not_read_while_no_page_is_open(served):
    assert served.get("/")[0] == 200
    assert served.drawer.requests == [] and served.stream.values() == {}


def test_a_page_that_is_opened_later_has_the_present_state_at_once(served):
    with being_run(served.store):
        attempt = LiveAttempt(served.store, A)
        attempt.evaluates(0, 50, 12.5)
        with served.events() as following:
            following(), following()
        body = served.get("/")[2]
    assert "2 running" in body and 'id="slot-curves-0"' in body and "12.5" in body


def test_a_killed_command_is_said_with_the_command_that_resumes(served):
    with being_run(served.store):
        LiveAttempt(served.store, A)
    with served.events() as following:
        html = following()[1]["html"]
    assert "No command is running, and 4 runs are not finished." in html
    assert f"<code>rlbench run small.yaml -o {served.store.root}</code>" in html
    assert "2 interrupted" in html and "2 waiting" in html


def test_a_page_knows_its_server_so_that_it_loads_itself_again_for_another_one(served, store):
    assert f'<html lang="en" data-server="{served.server.identity}">' in served.get("/")[2]
    with Served(store) as other:
        assert other.server.identity != served.server.identity


def test_many_pages_get_the_same(served):
    with being_run(served.store), served.events() as a, served.events() as b, served.events() as c:
        first = [a(), b(), c()]
        assert first[0] == first[1] == first[2]
        LiveAttempt(served.store, A)
        served.look()
        assert all("2 running" in following()[1]["html"] for following in (a, b, c))


def test_a_page_that_goes_away_is_forgotten(served):
    with served.events() as following:
        following()
    n = 0
    while not served.stream.wait_for_listeners(present=False, timeout=0.01):  # noticed when something is sent
        served.stream.publish("part x", json.dumps({"slot": "x", "html": str(n := n + 1)}))
        assert n < 3_000


def test_too_many_pages_are_refused(served):
    contexts = [served.stream.listening() for _ in range(MOST_LISTENERS)]
    for context in contexts:
        context.__enter__()
    assert served.get("/events")[0] == 503
    for context in contexts:
        context.__exit__(None, None, None)


def test_a_client_that_breaks_off_does_no_harm(served, capfd):
    for request in (
        b"GET / HTTP/1.0\r\n",
        b"\x16\x03\x01nonsense\r\n\r\n",
        b"GET /report HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", served.server.server_port)) as connection:
            connection.sendall(request)
    assert served.get("/")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_is_deleted_is_said_and_the_last_report_stays(served):
    served.drawer.html = "<p>drawn</p>"
    with served.events() as following:
        following()
        shutil.rmtree(served.store.root)
        served.look()
        assert "no results here" in following()[1]["html"]
    assert served.get("/report")[0] == 200 and served.get("/")[0] == 200
    assert not served.store.root.exists()


def test_a_report_that_cannot_be_drawn_is_said(served):
    with served.events() as following:
        following()
        served.watch._show_error("disk <full>")
        assert following() == ("note", "The report could not be drawn: disk <full>")
        served.drawer.html = "x"
        served.watch._show_error("again")
        assert "the one below is the last" in following()[1]
        served.watch._show_report(3)
        assert dict([following(), following()]) == {"note": "", "report": "3"}


@pytest.mark.parametrize("bad", BAD)
def test_names_are_text(tmp_path, bad):
    one = group(bad, 2, Task("CartPole-v1", 100, A.task.evaluation, label=bad))
    with Served(suite_of(tmp_path / "results", [one])) as served, being_run(served.store):
        LiveAttempt(served.store, one).evaluates(0, 50, 1.0)
        served.server.name = bad
        with served.events() as following:
            html = "".join(following()[1]["html"] for _ in range(2))
        page = served.get("/")[2]
    for text in (html, page):
        tags = Page(text).tags
        assert not [(tag, key) for tag, attributes in tags for key in attributes if key.startswith("on")]
        assert "img" not in [tag for tag, _ in tags]
    assert page.count("<script>") == page.count("</script>") == 1

"""What contestants in Python share: they answer one JSON object a line, see protocol.go."""
import json
import statistics
import sys
import time

import numpy


def read(inputs):
    return {a["name"]: numpy.fromfile(a["path"], a["elem"]).reshape(a["dims"]) for a in inputs}


def turn(run, milliseconds):
    times = []
    end = time.perf_counter() + milliseconds / 1000
    while not times or time.perf_counter() < end:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return {"seconds": statistics.median(times), "runs": len(times)}


def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def serve(load, version):
    forget_peak()
    idle, subject = peak(), None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "load":
                subject = load(request)
                answer = {"seconds": subject.seconds}
            elif request["do"] == "turn":
                answer = turn(subject.run, request["ms"])
            elif request["do"] == "output":
                numpy.ascontiguousarray(subject.output(), numpy.float32).tofile(request["path"])
                answer = {}
            elif request["do"] == "memory":
                answer = {"bytes": peak(), "idle": idle, "version": version}
            else:
                answer = {"error": "cannot do " + request["do"]}
        except Exception as failure:  # whatever it is, the other side prints it
            answer = {"error": str(failure).split("\n")[0]}
        print(json.dumps(answer), flush=True)

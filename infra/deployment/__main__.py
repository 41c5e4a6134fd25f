"""`python -m deployment deploy INVENTORY [--remove [--purge]] [--args WORDS]`, and `python -m deployment bundle`."""

import argparse
import os
import sys

from deployment import payload, playbook
from deployment.layout import DeploymentError, is_bundle


def main() -> int:
    parser = argparse.ArgumentParser(prog="deployment", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    deploy = verbs.add_parser("deploy", help="from bare to running, or to the next release")
    deploy.add_argument("inventory")
    deploy.add_argument("--remove", action="store_true", help="take the agent away; key and state stay")
    deploy.add_argument("--purge", action="store_true", help="with --remove: key, state and user, too")
    deploy.add_argument("--args", default=os.environ.get("ARGS", ""), help="more words for ansible-playbook")
    verbs.add_parser("bundle", help="everything in one file, for hosts without internet")
    chosen = parser.parse_args()
    try:
        if chosen.verb == "bundle":
            from deployment import bundle  # needs `packaging`, which a plain Python in front of a bundle has not

            payload.build()
            print(bundle.write())
            return 0
        inventory = playbook.check_inventory(chosen.inventory)
        if chosen.remove:
            playbook.play("remove.yml", inventory, chosen.args, purge=chosen.purge)
            return 0
        if not is_bundle():
            payload.build()
        playbook.play("deploy.yml", inventory, chosen.args)
    except DeploymentError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Write the dashboards' JSON beside the provisioning files."""

from grafana.generate.writing import write

if __name__ == "__main__":
    write()

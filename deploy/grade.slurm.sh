#!/bin/bash
# Grade a collection on a Slurm cluster: each task of the array grades one shard, of all that are graded.
#
#   sbatch --array=1-16 deploy/grade.slurm.sh SUBMITTED PARTS SECRET
#   course merge PARTS/* -o RESULTS          # when all tasks have ended
#
# SUBMITTED is what course collect wrote, PARTS a new folder, SECRET a file with 16 characters or more
# that all shards share. All three lie on a file system that every node sees. A task that was stopped
# may run again: it goes on where it was. Nodes need bubblewrap, and must let users make namespaces.
#
# Two variables of the environment, which sbatch hands on, say what was given out:
#   COURSE_SEED       the --seed of course release; leave it out for the public versions
#   COURSE_EXERCISES  the folder of a set of your own; leave it out for the installed one
#SBATCH --job-name=course-grade
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=12G
#SBATCH --time=02:00:00
#SBATCH --requeue
set -euo pipefail

if [[ $# -ne 3 ]]; then
  echo "usage: sbatch --array=1-N deploy/grade.slurm.sh SUBMITTED PARTS SECRET" >&2
  exit 2
fi
submitted=$1 parts=$2 secret=$3
shard=${SLURM_ARRAY_TASK_ID:?start it with sbatch --array=1-N}
shards=${SLURM_ARRAY_TASK_COUNT:?start it with sbatch --array=1-N}

exec course grade "$submitted" -o "$parts/$shard" --shard "$shard/$shards" --secret "$secret" \
  -j "${SLURM_CPUS_PER_TASK:-1}" \
  ${COURSE_SEED:+--seed="$COURSE_SEED"} ${COURSE_EXERCISES:+--exercises="$COURSE_EXERCISES"}

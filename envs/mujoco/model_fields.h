// The numbers of a compiled model, by MuJoCo's names.
#pragma once

#include <mujoco/mujoco.h>

#include <cstddef>
#include <span>

namespace duet::envs {

// Calls visit(name, span of numbers) for every size, option and array that the physics depends on:
// what the MJCF file says (bodies, joints, geoms, …) and what the compiler derived from it.
template <typename Visitor>
void VisitModelFields(const mjModel& model, Visitor&& visit) {
  const auto one = [&](const char* name, const auto& value) { visit(name, std::span(&value, 1)); };
  const auto rows = [&](const char* name, const auto* values, auto count, std::size_t width) {
    visit(name, std::span(values, static_cast<std::size_t>(count) * width));
  };

  one("nq", model.nq);
  one("nv", model.nv);
  one("nu", model.nu);
  one("na", model.na);
  one("nbody", model.nbody);
  one("njnt", model.njnt);
  one("ngeom", model.ngeom);
  one("nsite", model.nsite);
  one("ntendon", model.ntendon);
  one("nwrap", model.nwrap);
  one("neq", model.neq);
  one("npair", model.npair);
  one("nexclude", model.nexclude);
  one("nsensor", model.nsensor);
  one("nM", model.nM);
  one("nmocap", model.nmocap);

  one("opt.timestep", model.opt.timestep);
  one("opt.impratio", model.opt.impratio);
  one("opt.tolerance", model.opt.tolerance);
  one("opt.ls_tolerance", model.opt.ls_tolerance);
  one("opt.noslip_tolerance", model.opt.noslip_tolerance);
  one("opt.ccd_tolerance", model.opt.ccd_tolerance);
  visit("opt.gravity", std::span(model.opt.gravity));
  visit("opt.wind", std::span(model.opt.wind));
  visit("opt.magnetic", std::span(model.opt.magnetic));
  one("opt.density", model.opt.density);
  one("opt.viscosity", model.opt.viscosity);
  one("opt.o_margin", model.opt.o_margin);
  visit("opt.o_solref", std::span(model.opt.o_solref));
  visit("opt.o_solimp", std::span(model.opt.o_solimp));
  visit("opt.o_friction", std::span(model.opt.o_friction));
  one("opt.integrator", model.opt.integrator);
  one("opt.cone", model.opt.cone);
  one("opt.jacobian", model.opt.jacobian);
  one("opt.solver", model.opt.solver);
  one("opt.iterations", model.opt.iterations);
  one("opt.ls_iterations", model.opt.ls_iterations);
  one("opt.noslip_iterations", model.opt.noslip_iterations);
  one("opt.ccd_iterations", model.opt.ccd_iterations);
  one("opt.disableflags", model.opt.disableflags);
  one("opt.enableflags", model.opt.enableflags);
  one("opt.disableactuator", model.opt.disableactuator);
  one("opt.sleep_tolerance", model.opt.sleep_tolerance);

  rows("qpos0", model.qpos0, model.nq, 1);
  rows("qpos_spring", model.qpos_spring, model.nq, 1);
  rows("body_parentid", model.body_parentid, model.nbody, 1);
  rows("body_rootid", model.body_rootid, model.nbody, 1);
  rows("body_weldid", model.body_weldid, model.nbody, 1);
  rows("body_jntnum", model.body_jntnum, model.nbody, 1);
  rows("body_jntadr", model.body_jntadr, model.nbody, 1);
  rows("body_dofnum", model.body_dofnum, model.nbody, 1);
  rows("body_geomnum", model.body_geomnum, model.nbody, 1);
  rows("body_pos", model.body_pos, model.nbody, 3);
  rows("body_quat", model.body_quat, model.nbody, 4);
  rows("body_ipos", model.body_ipos, model.nbody, 3);
  rows("body_iquat", model.body_iquat, model.nbody, 4);
  rows("body_mass", model.body_mass, model.nbody, 1);
  rows("body_inertia", model.body_inertia, model.nbody, 3);
  rows("body_gravcomp", model.body_gravcomp, model.nbody, 1);
  rows("body_margin", model.body_margin, model.nbody, 1);
  rows("jnt_type", model.jnt_type, model.njnt, 1);
  rows("jnt_bodyid", model.jnt_bodyid, model.njnt, 1);
  rows("jnt_qposadr", model.jnt_qposadr, model.njnt, 1);
  rows("jnt_dofadr", model.jnt_dofadr, model.njnt, 1);
  rows("jnt_limited", model.jnt_limited, model.njnt, 1);
  rows("jnt_actfrclimited", model.jnt_actfrclimited, model.njnt, 1);
  rows("jnt_actgravcomp", model.jnt_actgravcomp, model.njnt, 1);
  rows("jnt_pos", model.jnt_pos, model.njnt, 3);
  rows("jnt_axis", model.jnt_axis, model.njnt, 3);
  rows("jnt_stiffness", model.jnt_stiffness, model.njnt, 1);
  rows("jnt_range", model.jnt_range, model.njnt, 2);
  rows("jnt_actfrcrange", model.jnt_actfrcrange, model.njnt, 2);
  rows("jnt_margin", model.jnt_margin, model.njnt, 1);
  rows("jnt_solref", model.jnt_solref, model.njnt, 2);
  rows("jnt_solimp", model.jnt_solimp, model.njnt, 5);
  rows("dof_bodyid", model.dof_bodyid, model.nv, 1);
  rows("dof_jntid", model.dof_jntid, model.nv, 1);
  rows("dof_parentid", model.dof_parentid, model.nv, 1);
  rows("dof_armature", model.dof_armature, model.nv, 1);
  rows("dof_damping", model.dof_damping, model.nv, 1);
  rows("dof_frictionloss", model.dof_frictionloss, model.nv, 1);
  rows("dof_solref", model.dof_solref, model.nv, 2);
  rows("dof_solimp", model.dof_solimp, model.nv, 5);
  rows("geom_type", model.geom_type, model.ngeom, 1);
  rows("geom_contype", model.geom_contype, model.ngeom, 1);
  rows("geom_conaffinity", model.geom_conaffinity, model.ngeom, 1);
  rows("geom_condim", model.geom_condim, model.ngeom, 1);
  rows("geom_bodyid", model.geom_bodyid, model.ngeom, 1);
  rows("geom_priority", model.geom_priority, model.ngeom, 1);
  rows("geom_solmix", model.geom_solmix, model.ngeom, 1);
  rows("geom_solref", model.geom_solref, model.ngeom, 2);
  rows("geom_solimp", model.geom_solimp, model.ngeom, 5);
  rows("geom_size", model.geom_size, model.ngeom, 3);
  rows("geom_pos", model.geom_pos, model.ngeom, 3);
  rows("geom_quat", model.geom_quat, model.ngeom, 4);
  rows("geom_friction", model.geom_friction, model.ngeom, 3);
  rows("geom_margin", model.geom_margin, model.ngeom, 1);
  rows("geom_gap", model.geom_gap, model.ngeom, 1);
  rows("geom_fluid", model.geom_fluid, model.ngeom, 12);
  rows("geom_rbound", model.geom_rbound, model.ngeom, 1);
  rows("actuator_trntype", model.actuator_trntype, model.nu, 1);
  rows("actuator_dyntype", model.actuator_dyntype, model.nu, 1);
  rows("actuator_gaintype", model.actuator_gaintype, model.nu, 1);
  rows("actuator_biastype", model.actuator_biastype, model.nu, 1);
  rows("actuator_trnid", model.actuator_trnid, model.nu, 2);
  rows("actuator_ctrllimited", model.actuator_ctrllimited, model.nu, 1);
  rows("actuator_forcelimited", model.actuator_forcelimited, model.nu, 1);
  rows("actuator_dynprm", model.actuator_dynprm, model.nu, 10);
  rows("actuator_gainprm", model.actuator_gainprm, model.nu, 10);
  rows("actuator_biasprm", model.actuator_biasprm, model.nu, 10);
  rows("actuator_ctrlrange", model.actuator_ctrlrange, model.nu, 2);
  rows("actuator_forcerange", model.actuator_forcerange, model.nu, 2);
  rows("actuator_gear", model.actuator_gear, model.nu, 6);
  rows("actuator_armature", model.actuator_armature, model.nu, 1);
  rows("actuator_damping", model.actuator_damping, model.nu, 1);
  rows("geom_adhesion", model.geom_adhesion, model.ngeom, 1);
  rows("geom_surfacevel", model.geom_surfacevel, model.ngeom, 6);
  rows("jnt_stiffnesspoly", model.jnt_stiffnesspoly, model.njnt, 2);
  rows("dof_dampingpoly", model.dof_dampingpoly, model.nv, 2);
  rows("site_bodyid", model.site_bodyid, model.nsite, 1);
  rows("site_pos", model.site_pos, model.nsite, 3);
  rows("site_quat", model.site_quat, model.nsite, 4);
  rows("tendon_adr", model.tendon_adr, model.ntendon, 1);
  rows("tendon_num", model.tendon_num, model.ntendon, 1);
  rows("tendon_limited", model.tendon_limited, model.ntendon, 1);
  rows("tendon_solref_lim", model.tendon_solref_lim, model.ntendon, 2);
  rows("tendon_solimp_lim", model.tendon_solimp_lim, model.ntendon, 5);
  rows("tendon_range", model.tendon_range, model.ntendon, 2);
  rows("tendon_margin", model.tendon_margin, model.ntendon, 1);
  rows("tendon_stiffness", model.tendon_stiffness, model.ntendon, 1);
  rows("tendon_damping", model.tendon_damping, model.ntendon, 1);
  rows("tendon_armature", model.tendon_armature, model.ntendon, 1);
  rows("tendon_frictionloss", model.tendon_frictionloss, model.ntendon, 1);
  rows("tendon_lengthspring", model.tendon_lengthspring, model.ntendon, 2);
  rows("wrap_type", model.wrap_type, model.nwrap, 1);
  rows("wrap_objid", model.wrap_objid, model.nwrap, 1);
  rows("wrap_prm", model.wrap_prm, model.nwrap, 1);
  rows("body_subtreemass", model.body_subtreemass, model.nbody, 1);
  rows("body_invweight0", model.body_invweight0, model.nbody, 2);
  rows("body_simple", model.body_simple, model.nbody, 1);
  rows("body_sameframe", model.body_sameframe, model.nbody, 1);
  rows("dof_invweight0", model.dof_invweight0, model.nv, 1);
  rows("dof_M0", model.dof_M0, model.nv, 1);
  rows("dof_simplenum", model.dof_simplenum, model.nv, 1);
  rows("geom_sameframe", model.geom_sameframe, model.ngeom, 1);
  rows("actuator_acc0", model.actuator_acc0, model.nu, 1);
  rows("actuator_length0", model.actuator_length0, model.nu, 1);
  rows("tendon_length0", model.tendon_length0, model.ntendon, 1);
  rows("tendon_invweight0", model.tendon_invweight0, model.ntendon, 1);
  one("stat_meaninertia", model.stat.meaninertia);
}

}  // namespace duet::envs
